"""Places that segments are exchanged through: folders, WebDAV, S3, and what rclone reaches. None of them is trusted."""
