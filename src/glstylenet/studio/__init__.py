"""Studio: the web page's server. Jobs live in folders, one thread paints them, and the page watches."""
