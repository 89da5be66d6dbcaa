package srslog

import "log/slog"

// ParseLevel gives the level of srs_log_level_v2 or, where that is empty or no word of it, of
// srs_log_level. SRS writes nothing at all for a misspelt word; here it counts as the default.
func ParseLevel(level, v2 string) slog.Level {
	switch v2 {
	case "trace":
		return LevelTrace
	case "debug":
		return LevelDebug
	case "info":
		return LevelInfo
	case "warn":
		return LevelWarn
	case "error":
		return LevelError
	}
	switch level {
	case "verbose":
		return LevelTrace
	case "info":
		return LevelDebug
	case "warn":
		return LevelWarn
	case "error":
		return LevelError
	}
	return LevelInfo
}
