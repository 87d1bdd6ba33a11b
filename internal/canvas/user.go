package canvas

import (
	"context"
	"net/http"
	"strings"
	"unicode"
)

// User is a person as Canvas shows them to us. Only ID and Name are sure; the
// rest depends on rights and settings.
type User struct {
	ID, Name, ShortName, SortableName string
	LoginID, Email                    string
	Locale, EffectiveLocale           string
	Pronouns                          string // "" unless Canvas gives them
	AvatarURL                         string
}

// Profile is what the profile call adds to a User.
type Profile struct {
	ID, Name, ShortName, SortableName string
	PrimaryEmail, LoginID             string
	Locale, TimeZone                  string
	Pronouns                          string
	AvatarURL                         string
}

type userJSON struct {
	ID              id     `json:"id"`
	Name            string `json:"name"`
	ShortName       string `json:"short_name"`
	SortableName    string `json:"sortable_name"`
	LoginID         string `json:"login_id"`
	Email           string `json:"email"`
	PrimaryEmail    string `json:"primary_email"`
	Locale          string `json:"locale"`
	EffectiveLocale string `json:"effective_locale"`
	TimeZone        string `json:"time_zone"`
	Pronouns        string `json:"pronouns"`
	AvatarURL       string `json:"avatar_url"`
}

func (j userJSON) user() User {
	return User{
		ID: string(j.ID), Name: j.Name, ShortName: j.ShortName, SortableName: j.SortableName,
		LoginID: j.LoginID, Email: j.Email, Locale: j.Locale, EffectiveLocale: j.EffectiveLocale,
		Pronouns: j.Pronouns, AvatarURL: j.AvatarURL,
	}
}

// User reads a user by Canvas id, or the credential's own as "self".
func (c *Client) User(ctx context.Context, id string) (User, error) {
	const op = "show user"
	user, e := segment(op, "user", id)
	if e != nil {
		return User{}, e
	}
	return c.user(ctx, op, user)
}

// UserByLTI reads the user whose LTI 1.3 subject is sub. It is NotFound, or
// another user, for people whose accounts were merged: compare the id with what
// the launch claims.
func (c *Client) UserByLTI(ctx context.Context, sub string) (User, error) {
	const op = "show user by LTI subject"
	const subMax = 255 // LTI 1.3 core, §5.3.6.1
	if sub == "" || len(sub) > subMax || strings.ContainsFunc(sub, func(r rune) bool { return r > unicode.MaxASCII || r <= ' ' || r == 0x7f }) {
		return User{}, invalid(op, "the subject is not one of LTI 1.3")
	}
	return c.user(ctx, op, prefixed("lti_1_3_id", sub))
}

func (c *Client) user(ctx context.Context, op, segment string) (User, error) {
	var j userJSON
	if err := c.get(ctx, op, "users/"+segment, nil, &j); err != nil {
		return User{}, err
	}
	if j.ID == "" {
		return User{}, unreadable(op, false, http.StatusOK, "the answer is not a user", nil)
	}
	return j.user(), nil
}

// Profile reads a user's address for mail, locale and time zone.
func (c *Client) Profile(ctx context.Context, id string) (Profile, error) {
	const op = "show profile"
	user, e := segment(op, "user", id)
	if e != nil {
		return Profile{}, e
	}
	var j userJSON
	if err := c.get(ctx, op, "users/"+user+"/profile", nil, &j); err != nil {
		return Profile{}, err
	}
	if j.ID == "" {
		return Profile{}, unreadable(op, false, http.StatusOK, "the answer is not a profile", nil)
	}
	return Profile{
		ID: string(j.ID), Name: j.Name, ShortName: j.ShortName, SortableName: j.SortableName,
		PrimaryEmail: j.PrimaryEmail, LoginID: j.LoginID, Locale: j.Locale, TimeZone: j.TimeZone,
		Pronouns: j.Pronouns, AvatarURL: j.AvatarURL,
	}, nil
}
