package canvastest

import (
	"errors"
	"slices"
	"time"
)

// orderTokenChange is what an admin of Canvas, or a program that uses the
// token, does without the tool.
func (s *Server) orderTokenChange(o struct {
	Token      ID        `json:"token,string"`
	ExpiresIn  *duration `json:"expires_in"`
	Purpose    string    `json:"purpose"`
	Used       bool      `json:"used"`
	Regenerate bool      `json:"regenerate"`
},
) error {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	t := w.tokens.get(o.Token)
	if t == nil || t.State == StateDeleted {
		return errors.New("no such token")
	}
	now := w.Clock.Now()
	if o.ExpiresIn != nil {
		t.ExpiresAt = now.Add(time.Duration(*o.ExpiresIn))
	}
	t.Purpose = orElse(o.Purpose, t.Purpose)
	if o.Used {
		t.LastUsedAt, t.UpdatedAt = now, now
	}
	if o.Regenerate {
		w.newSecretLocked(t)
		t.State = StatePending
		w.noticeLocked(NoticeOnBehalf, t)
	}
	if o.ExpiresIn != nil || o.Purpose != "" || o.Regenerate {
		t.UpdatedAt = now
	}
	return nil
}

// orderCourse concludes a course, or moves its own end, which binds then.
func (s *Server) orderCourse(o struct {
	Course string    `json:"course"`
	State  string    `json:"state"`
	EndsIn *duration `json:"ends_in"`
},
) error {
	w := s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c := w.courseByKeyLocked(o.Course)
	if c == nil || o.State != "" && !slices.Contains([]string{StateAvailable, StateCompleted, StateDeleted, "unpublished"}, o.State) {
		return errors.New("no such course or state")
	}
	c.State = orElse(o.State, c.State)
	if o.EndsIn != nil {
		c.End, c.RestrictToCourseDates = w.Clock.Now().Add(time.Duration(*o.EndsIn)), true
	}
	return nil
}

// orderUserDeletion deletes a person as an account admin does: their record and
// logins go, their enrolments with them.
func (s *Server) orderUserDeletion(o struct {
	User string `json:"user"`
},
) error {
	if !s.world.DeleteUser(o.User) {
		return errors.New("no such user")
	}
	return nil
}

// DeleteUser deletes the user with this key: record, logins and enrolments. Their
// tokens stay as rows and cannot be used: Canvas finds them no more by any call
// (inferred: every call about a token looks its owner up among the living). It
// reports whether there was such a user.
func (w *World) DeleteUser(key string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	u := w.userByKeyLocked(key)
	if u == nil || u.State == StateDeleted {
		return false
	}
	u.State = StateDeleted
	for l := range w.logins.all {
		if l.UserID == u.ID {
			l.State = StateDeleted
		}
	}
	for e := range w.enrollments.all {
		if e.UserID == u.ID {
			e.State = StateDeleted
		}
	}
	return true
}

func (s *Server) orderCost(o struct {
	Method string  `json:"method"`
	Route  string  `json:"route"`
	Cost   float64 `json:"cost"`
},
) error {
	switch {
	case o.Cost < 0 || (o.Route == "") != (o.Method == ""):
		return errors.New("a cost is not negative, and a route needs its method")
	case o.Route == "":
		s.SetRequestCost(o.Cost)
	default:
		s.SetRouteCost(o.Method, o.Route, o.Cost)
	}
	return nil
}
