"""What a picture shows: faces, a person, a thing that catches the eye; and how it is composed around it."""
