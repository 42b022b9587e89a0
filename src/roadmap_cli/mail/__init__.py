"""Mail: from bytes to what a message says, for every family; and the client of a mailbox on a server.

`message.parse` never raises: mail that is broken is read as far as it goes. Nothing here stores or prints anything.
"""
