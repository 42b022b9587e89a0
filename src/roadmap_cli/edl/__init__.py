"""Editing of video: understand a clip, plan an edit, prove the plan, render it. Functions over records."""
