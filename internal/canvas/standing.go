package canvas

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Standing is what Canvas says of a person whom the tool knows by their id.
type Standing struct {
	// Found says that Canvas has this person; User is set then.
	Found bool
	User  User
	// MergedInto is the id of the person into whom this one was merged, where
	// Canvas tells. Without it a person who is not Found was deleted, or never
	// was in this Canvas.
	MergedInto string
}

// UserStanding asks Canvas about a person who may be deleted or merged. A
// person who is found costs one call, as User does. For one who is not, a
// second call proves that Canvas accepts our credential, and tells of a merge:
// it is a read as this user (as_user_id), which Canvas refuses with the reason.
func (c *Client) UserStanding(ctx context.Context, userID string) (Standing, error) {
	const op = "show user's standing"
	user, e := numericID(op, "user", userID)
	if e != nil {
		return Standing{}, e
	}
	u, err := c.user(ctx, op, user)
	switch {
	case err == nil && !SameID(u.ID, user):
		return Standing{}, unreadable(op, false, http.StatusOK, "Canvas answered with another person than the one asked for", nil)
	case err == nil:
		return Standing{Found: true, User: u}, nil
	case KindOf(err) != NotFound:
		return Standing{}, err
	}
	var j userJSON
	err = c.get(ctx, op, "users/"+self, url.Values{"as_user_id": {user}}, &j)
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Denied && e.Reason == ReasonActAs {
		return Standing{MergedInto: e.mergedInto}, nil
	}
	if err == nil {
		return Standing{}, unreadable(op, false, http.StatusOK, "Canvas does not find the person, and lets us act as them", nil)
	}
	return Standing{}, err
}

// LoginActive is the state of a login that can be used.
const LoginActive = "active"

// Login is one way for a person to sign in to Canvas.
type Login struct {
	ID, UserID, AccountID string
	Name                  string // what the person types
	State                 string // "active", "suspended", or another word
}

type loginJSON struct {
	ID        id     `json:"id"`
	UserID    id     `json:"user_id"`
	AccountID id     `json:"account_id"`
	Name      string `json:"unique_id"`
	State     string `json:"workflow_state"`
}

// Logins reads a person's logins. Without an active one the person cannot use
// Canvas, and their tokens do not work. It needs the permission to manage
// logins; Denied says nothing about the person.
func (c *Client) Logins(ctx context.Context, userID string) ([]Login, error) {
	const op = "list logins of user"
	user, e := numericID(op, "user", userID)
	if e != nil {
		return nil, e
	}
	rows, err := list[loginJSON](ctx, c, op, "users/"+user+"/logins", nil)
	if err != nil {
		return nil, err
	}
	out := make([]Login, 0, len(rows))
	for _, r := range rows {
		if r.ID == "" || r.UserID == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		out = append(out, Login{ID: string(r.ID), UserID: string(r.UserID), AccountID: string(r.AccountID), Name: r.Name, State: r.State})
	}
	return out, nil
}

// CourseCompleted is the state of a course that was concluded by hand.
const CourseCompleted = "completed"

// Concluded reports whether the course is over: concluded by hand, or past its
// end. A deleted course is NotFound.
func (c Course) Concluded(at time.Time) bool {
	ends := c.Ends()
	return c.State == CourseCompleted || !ends.IsZero() && !at.Before(ends)
}
