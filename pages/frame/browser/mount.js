// What Streamlit sends with every update: it only brings the real SCRIPT, which the browser keeps,
// or FAILURE, a sentence. Without data Python knows already that it has failed.
export default (component) =>
  import(new URL(SCRIPT, document.baseURI)).then(
    (module) => module.default(component),
    () => {
      component.parentElement.textContent = FAILURE;
      if (component.data?.length) component.setStateValue("failed", true);
    },
  );
