package desk

import (
	"errors"

	"github.com/tokendesk/tokendesk/internal/canvas"
)

// NotFound reports whether Canvas said that it has no such thing.
func NotFound(err error) bool {
	var ce *canvas.Error
	return errors.As(err, &ce) && ce.Kind == canvas.NotFound
}
