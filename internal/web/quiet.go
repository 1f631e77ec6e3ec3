package web

import (
	"context"
	"log/slog"
)

// quiet passes on what needs somebody's attention, and not what the library
// that listens tells of its doings: whoever started the server tells that.
type quiet struct{ slog.Handler }

// Enabled reports whether a record is passed on.
func (q quiet) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && q.Handler.Enabled(ctx, level)
}

// WithAttrs returns a handler that adds attributes.
func (q quiet) WithAttrs(attrs []slog.Attr) slog.Handler { return quiet{q.Handler.WithAttrs(attrs)} }

// WithGroup returns a handler that begins a group.
func (q quiet) WithGroup(name string) slog.Handler { return quiet{q.Handler.WithGroup(name)} }
