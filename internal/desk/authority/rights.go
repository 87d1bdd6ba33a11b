package authority

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/canvas"
	"github.com/tokendesk/tokendesk/internal/desk"
)

// lostTime bounds how long a launch waits to learn whether an older session
// carries a right that is lost.
const lostTime = 3 * time.Second

// Lost reports whether Canvas, read now, shows that the caller has lost
// a right that an earlier launch at the same place gave (its Rights) and theirs
// did not. What a launch leaves out shows nothing by itself, and neither does a
// Canvas that cannot be read: a session's rights are first gates, and whatever
// they open is decided by Canvas's answer of then.
func (au *Authority) Lost(ctx context.Context, caller access.Caller, had string) bool {
	now := strings.Fields(caller.Rights())
	var gone []string
	for _, right := range strings.Fields(had) {
		if !slices.Contains(now, right) {
			gone = append(gone, right)
		}
	}
	if len(gone) == 0 {
		return false
	}
	ctx, cancel := au.desk.WithLimit(ctx, lostTime)
	defer cancel()
	f, err := au.desk.CanvasOf(ctx, caller.Tenant, caller.Platform)
	for _, right := range gone {
		if err != nil {
			break
		}
		var has bool
		if has, err = au.stillHas(ctx, f, caller, right); err == nil && !has {
			return true
		}
	}
	if err != nil {
		au.desk.Log.WarnContext(ctx, "whether an older session carries a right that is lost could not be read", "err", err)
	}
	return false
}

func (au *Authority) stillHas(ctx context.Context, f desk.Canvas, caller access.Caller, right string) (bool, error) {
	if right == access.RightRoot {
		return au.confirmAdmin(ctx, f, caller.CanvasUser)
	}
	kind := map[string]string{access.RightLearner: canvas.StudentEnrollment, access.RightTeacher: canvas.TeacherEnrollment}[right]
	es, err := au.Enrollments(ctx, f, caller.CanvasUser)
	return kind == "" || slices.ContainsFunc(es, func(e access.Enrollment) bool { return e.CourseID == caller.Course.ID && e.Type == kind }), err
}
