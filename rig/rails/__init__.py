"""A rail without camera and session: found, connected, jogged, limited, stopped, remembered."""
