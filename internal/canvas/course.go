package canvas

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Course is a course with the dates that end it.
type Course struct {
	ID, Name, Code           string
	State                    string // unpublished, available, completed or deleted
	AccountID, RootAccountID string
	StartAt, EndAt           time.Time // the course's own; zero: none
	RestrictDates            bool      // whether the course's own dates bind its enrolments
	TermID, TermName         string
	TermEndAt                time.Time // zero: none
	TimeZone                 string
}

type courseJSON struct {
	ID            id     `json:"id"`
	Name          string `json:"name"`
	Code          string `json:"course_code"`
	State         string `json:"workflow_state"`
	AccountID     id     `json:"account_id"`
	RootAccountID id     `json:"root_account_id"`
	StartAt       moment `json:"start_at"`
	EndAt         moment `json:"end_at"`
	RestrictDates truth  `json:"restrict_enrollments_to_course_dates"`
	TimeZone      string `json:"time_zone"`
	Term          *struct {
		ID    id     `json:"id"`
		Name  string `json:"name"`
		EndAt moment `json:"end_at"`
	} `json:"term"`
}

// Course reads a course with its term.
func (c *Client) Course(ctx context.Context, id string) (Course, error) {
	const op = "show course"
	course, e := numericID(op, "course", id)
	if e != nil {
		return Course{}, e
	}
	var j courseJSON
	if err := c.get(ctx, op, "courses/"+course, url.Values{"include[]": {"term"}}, &j); err != nil {
		return Course{}, err
	}
	if j.ID == "" || j.AccountID == "" {
		return Course{}, unreadable(op, false, http.StatusOK, "the answer is not a course", nil)
	}
	out := Course{
		ID: string(j.ID), Name: j.Name, Code: j.Code, State: j.State,
		AccountID: string(j.AccountID), RootAccountID: string(j.RootAccountID),
		StartAt: j.StartAt.Time, EndAt: j.EndAt.Time, RestrictDates: bool(j.RestrictDates), TimeZone: j.TimeZone,
	}
	if j.Term != nil {
		out.TermID, out.TermName, out.TermEndAt = string(j.Term.ID), j.Term.Name, j.Term.EndAt.Time
	}
	return out, nil
}

// Ends returns when the course ends: its own end if it restricts its enrolments
// to its dates, else its term's. Zero means that it has no end.
func (c Course) Ends() time.Time {
	if c.RestrictDates && !c.EndAt.IsZero() {
		return c.EndAt
	}
	return c.TermEndAt
}
