"""Where one shot ends and the next begins: cuts, dissolves, fades and wipes, told from flashes, pans and movement."""
