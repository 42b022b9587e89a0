"""What a picture looks like, without a model: light, colour, camera, sharpness, noise, bars and horizon."""
