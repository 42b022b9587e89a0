"""Who and what a life is about: people, organisations, places, projects, and how they hang together over time.

Records give atoms (`extraction`), atoms that are one become entities (`resolution`), records that name several give
relations (`relations`), and versions of both are kept (`versions`). All but the times of learning is a function of the
stored records and of what the user said (`acts`): the order in which they came does not matter.
"""
