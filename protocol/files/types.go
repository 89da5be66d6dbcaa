package files

// contentType gives the media type that SRS has for an extension in lower case. It does not ask the
// system, whose tables differ, nor the content, which browsers would then run.
func contentType(ext string) string {
	switch ext {
	case ".m3u8":
		return "application/vnd.apple.mpegurl"
	case ".ts":
		return "video/MP2T"
	case ".mpd":
		return "application/dash+xml"
	case ".m4s":
		return "video/iso.segment"
	case ".mp4":
		return "video/mp4"
	case ".m4v":
		return "video/x-m4v"
	case ".3gp", ".3gpp":
		return "video/3gpp"
	case ".flv":
		return "video/x-flv"
	case ".webm":
		return "video/webm"
	case ".mkv":
		return "video/x-matroska"
	case ".aac":
		return "audio/x-aac"
	case ".mp3":
		return "audio/mpeg"
	case ".m4a":
		return "audio/x-m4a"
	case ".ogg":
		return "audio/ogg"
	}
	return pageType(ext)
}

// pageType gives the types of what pages are made of, and of all other files.
func pageType(ext string) string {
	switch ext {
	case ".html", ".htm":
		return "text/html"
	case ".js", ".mjs":
		return "text/javascript"
	case ".css":
		return "text/css"
	case ".json", ".map":
		return "application/json"
	case ".xml":
		return "text/xml"
	case ".txt":
		return "text/plain"
	case ".vtt":
		return "text/vtt"
	case ".wasm":
		return "application/wasm"
	case ".ico":
		return "image/x-icon"
	case ".png":
		return "image/png"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".gif":
		return "image/gif"
	case ".svg":
		return "image/svg+xml"
	case ".webp":
		return "image/webp"
	case ".woff2":
		return "font/woff2"
	case ".swf":
		return "application/x-shockwave-flash"
	case ".rss":
		return "application/rss+xml"
	case ".zip":
		return "application/zip"
	}
	return "application/octet-stream"
}
