package desktest

import (
	"strconv"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas/canvastest"
)

// InCanvasOf is a grant's token in Canvas, whoever's it is.
func (r *Rig) InCanvasOf(g access.Grant) canvastest.Token {
	r.T.Helper()
	id, err := strconv.ParseInt(g.CanvasID, 10, 64)
	if err != nil {
		r.T.Fatal(err)
	}
	t, _ := r.W.TokenByID(canvastest.ID(id))
	return t
}
