"""The pages that people look at: a listener's list, songs, search, and operations.

Rendered on the server from the current release. Scripts only make them quicker to use:
a script fetches the same pages, and shows the part that it needs.
"""
