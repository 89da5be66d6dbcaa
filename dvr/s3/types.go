package s3

import "path"

// contentType gives the media type of a file by its extension.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".mpd":
		return "application/dash+xml"
	case ".ts":
		return "video/MP2T"
	case ".m4s":
		return "video/iso.segment"
	case ".mp4":
		return "video/mp4"
	case ".flv":
		return "video/x-flv"
	case ".aac":
		return "audio/aac"
	case ".mp3":
		return "audio/mpeg"
	case ".json":
		return "application/json"
	}
	return "application/octet-stream"
}

// cacheControl has caches ask for playlists and manifests each time: they change. Of other files it says
// nothing: the one who owns the names knows whether they come again.
func cacheControl(name string) string {
	switch path.Ext(name) {
	case ".m3u8", ".mpd":
		return "no-cache"
	}
	return ""
}
