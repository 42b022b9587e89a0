"""What a piece of code is able to do, told before it runs.

A scan is no boundary: code that wants to hide can. It decides what a sandbox is asked to allow and what a person is
asked about; the sandbox holds the line. What cannot be told is the capability ``unknown`` and is asked about, too.
"""
