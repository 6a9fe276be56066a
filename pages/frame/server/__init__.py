"""The server side of the pages: store and engine, waiting, headers, the end of uploads."""
