package authority

import "time"

// Reach is what a token of one person reaches, because Canvas tokens cannot be
// limited: everything its owner may do.
type Reach struct {
	Student, Assistant, Teaching, Designing int // courses by part
	CheckedAt                               time.Time
}

// Teacher is a possible sponsor.
type Teacher struct {
	CanvasUser string
	Name       string
	Supervisor bool // from the list of supervisors, not from the course
}
