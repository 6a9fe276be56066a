"""The schedule of a slider move: every time constant of the frame, in one place.

The hand moves (0 ms)
    The browser (`browser/preview.js`) sees where the slider stands and asks `preview_route` for
    that setting. What is stored is answered at once. Else work ahead steps aside, repeats and
    history of the setting before are given up, and the student is trained; the route waits for
    its line at most `PREVIEW_PATIENCE`, and for the twin's in a second question. A setting
    without an answer is asked for once more (`preview.js` AGAIN_MS = 250).
The slider is let go: the page runs
    It first waits for the line that the view has asked for, at most `LINE_FIRST`, and then
    `LINE_TO_SCREEN`. It asks for the picture: the same job, or one that is done already. Until
    `SILENCE` nothing is sent; then the run looks every `LISTEN_EVERY` whether a newer setting
    interrupts it, and from `SHOW_AFTER` on it draws a progress bar. Workers report every
    `PROGRESS_EVERY` (engine). If the hand moves on meanwhile, its job is given up; `HAND_STILL`
    later the run asks for it again, as the hand may come back.
The whole picture is there
    It is sent, and all else waits for `PICTURE_FIRST`; then come the figures beside it.
The slider rests
    From `PAUSE` (engine) after every request on, an idle worker trains the stops beside it, one
    after another, until the next request. After `SHORT_REST`, a plane seen for the first time is
    evaluated closely and the page runs again; after `LONG_REST`, history and repeats are made,
    and the page runs again. The browser meanwhile fetches stored neighbours (`preview.js`
    REST_MS = 300).
The visitor is quiet
    `QUIET` after the last request work ahead goes on, and for `AROUND` it leaves one worker free
    (both engine).

Also in the browser: charts out of sight are drawn at the latest after `chart.js`
PATIENCE_MS = 150, and a click into a zoomed picture waits for a second one for `plane.js`
DOUBLE_CLICK_MS = 300.
"""

# Seconds. A student that takes longer is left to the page, which shows how far it is.
PREVIEW_PATIENCE = 5.0
# Seconds for which a page's run leaves the processor to the student's line, at most.
LINE_FIRST = 0.25
# Seconds that the line takes from the server onto the screen.
LINE_TO_SCREEN = 0.05

# Seconds in which most students are trained; until then nothing is sent, as the browser would
# draw it in place of the student's line.
SILENCE = 0.12
# Seconds between two looks of a run whether its visitor wants something else by now.
LISTEN_EVERY = 0.03
# Seconds that a run whose setting was replaced gives the hand before it asks for it again.
HAND_STILL = 0.5
# Seconds; a progress bar that flashes for a moment is noise, so it appears only after these.
SHOW_AFTER = 0.4
# Seconds between two steps of a progress bar.
BAR_STEP = 0.1
# Runs that may wait as described above. If more do, each looks and draws less often, so that a
# hundred visitors who wait do not keep the workers from what they wait for.
CALM = 4

# Seconds for which one run shows the same picture of a growing ensemble. More than `CALM` who wait
# are not shown it: the run that follows would come for all of them when the ensemble is there.
GROWTH_STEP = 0.7
# Seconds for which all else waits for a new picture: what the browser gets in one go it draws
# in one go, and then the picture comes last; and while it draws, the processor may be the same.
PICTURE_FIRST = 0.15
# Seconds that the sliders must rest before the plane is evaluated closely, and before history
# and repeats are made: the browser needs the processor to paint first.
SHORT_REST, LONG_REST = 0.15, 0.4
# Visitors at work, whose pages ran in the last `AT_WORK` seconds. If there are more than a few,
# the sliders must rest for as many times `REST_OF_EACH` seconds, and the browser counts the time:
# no thread waits for it. History and repeats cost the workers seven times what the picture does.
# Of 50 visitors on a setting never trained they took more than half of the workers' time at 0.1,
# and 5% of the answers more than 0.32 s; at 0.2 a tenth, and 0.26 s.
FEW, AT_WORK, REST_OF_EACH, LONGEST_REST = 4, 10.0, 0.2, 8.0

# Seconds between two looks of a study at the workers, and between two drawings of its result.
STUDY_POLL, STUDY_REDRAW = 0.4, 1.0
# Seconds that a study which begins by itself leaves the processor to the browser.
PAINT_FIRST = 0.7

# Seconds between two looks of a presenter at what the class has answered.
ROOM_POLL = 0.5

# Seconds. Streamlit keeps a session for two minutes after its connection broke, as it may come
# back; what it uploaded is deleted after these.
UPLOAD_GRACE = 150.0
# Seconds without a run of any page after which garbage is collected; seconds after which it is
# collected even if pages run all the time; seconds between two looks.
COLLECT_AFTER, COLLECT_AT_LATEST, COLLECT_LOOK = 1.0, 30.0, 0.5
# Collections of the younger generations after which Python would search the oldest one.
NEVER = 1_000_000_000
# Seconds between two looks for uploads that nobody uses any more, and for what is left over in
# the store.
TIDY_EVERY = 3600.0
# Seconds between two looks who has left, and whether the store is within its limit.
LOOK_EVERY, MEASURE_EVERY = 2.0, 120.0
# Seconds without a connection after which what a visitor asked for is given up.
LEAVE_GRACE = 10.0
# Seconds after which a thread that computes lets another one go on. A page hands each of its parts
# to the event loop, and with Python's own 5 ms each of these may wait so long: 30 visitors at 4 s
# had p95 of 1.3 and 1.8 s with those, 1.1 s with these, and came in within 0.5 s instead of 2 to 3.
SWITCH = 0.0005
# Seconds after which a request of a foreign page, or under a foreign name, is refused.
REFUSED_AFTER = 0.1
# Seconds for everything that has to end with the server.
END_PATIENCE = 8.0
