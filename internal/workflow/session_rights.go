package workflow

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
)

// Place is where a session was opened, told apart from others that stand beside
// it: a professor may have two courses open, an admin the root account, a
// sub-account, and a page of somebody they act as.
func (s Session) Place() string {
	place := string(s.Door) + ":" + s.Context
	if s.NoWrites == access.WhyActing {
		place += ":acting"
	}
	return place
}

// The rights that a launch gives to its session, as first gates.
const (
	rightLearner = "learner"
	rightTeacher = "teacher"
	rightRoot    = "root"
)

// Rights are what the launch gave, in one word each.
func (s Session) Rights() string {
	var out []string
	for _, r := range []struct {
		name string
		has  bool
	}{{rightLearner, s.Learner}, {rightTeacher, s.Teacher}, {rightRoot, s.RootGate}} {
		if r.has {
			out = append(out, r.name)
		}
	}
	return strings.Join(out, " ")
}

// lostTime bounds how long a launch waits to learn whether an older session
// carries a right that is lost.
const lostTime = 3 * time.Second

// Lost reports whether Canvas, read now, shows that the session's person has lost
// a right that an earlier launch at the same place gave (its Rights) and theirs
// did not. What a launch leaves out shows nothing by itself, and neither does a
// Canvas that cannot be read: a session's rights are first gates, and whatever
// they open is decided by Canvas's answer of then.
func (s *Service) Lost(ctx context.Context, sess Session, had string) bool {
	now := strings.Fields(sess.Rights())
	var gone []string
	for _, right := range strings.Fields(had) {
		if !slices.Contains(now, right) {
			gone = append(gone, right)
		}
	}
	if len(gone) == 0 {
		return false
	}
	ctx, cancel := s.limit(ctx, lostTime)
	defer cancel()
	f, err := s.far(ctx, sess.Tenant, sess.Platform)
	for _, right := range gone {
		if err != nil {
			break
		}
		var has bool
		if has, err = s.stillHas(ctx, f, sess, right); err == nil && !has {
			return true
		}
	}
	if err != nil {
		s.Log.WarnContext(ctx, "whether an older session carries a right that is lost could not be read", "err", err)
	}
	return false
}

func (s *Service) stillHas(ctx context.Context, f far, sess Session, right string) (bool, error) {
	if right == rightRoot {
		return s.confirmAdmin(ctx, f, sess.CanvasUser)
	}
	kind := map[string]string{rightLearner: canvas.StudentEnrollment, rightTeacher: canvas.TeacherEnrollment}[right]
	es, err := s.enrollments(ctx, f, sess.CanvasUser)
	return kind == "" || slices.ContainsFunc(es, func(e access.Enrollment) bool { return e.CourseID == sess.Course.ID && e.Type == kind }), err
}
