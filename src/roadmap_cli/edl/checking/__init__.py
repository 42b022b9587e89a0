"""Whether a plan may be rendered: rules of story, craft and feasibility, and mending what can be mended."""
