"""Who and what a life is about: people, organisations, places, projects, and how they hang together over time.

Records give atoms (`extraction`), which are added up (`evidence`), weighed in pairs (`weighing`) and joined where they
are one (`resolution`, `grouping`): these are the `entities`. What records say of every two is counted (`counting`) and
judged (`relations`), and versions of both are kept (`versions`). All but the times of learning is a function of the
stored records and of what the user said (`acts`): the order in which they came does not matter.
"""
