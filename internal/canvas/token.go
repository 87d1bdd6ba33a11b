package canvas

import (
	"context"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tokendesk/tokendesk/internal/secret"
)

// The states of a token in Canvas (access_token.rb). There is none for expired:
// it follows from ExpiresAt. Treat any other word as "may work".
const (
	StatePending = "pending"
	StateActive  = "active"
	StateDeleted = "deleted"
)

// PurposeMax is the most runes that Canvas stores of a purpose.
const PurposeMax = 255

// Token is an access token as Canvas tells of it.
type Token struct {
	ID, UserID           string
	Purpose              string
	State                string
	Hint                 string // the value's first five characters; "" when Canvas shows none
	CreatedAt, UpdatedAt time.Time
	ExpiresAt            time.Time // zero: never
	LastUsedAt           time.Time // zero: never, or this Canvas does not tell; up to 10 minutes late
	// Value is set only in what CreateToken and a regenerating UpdateToken
	// return: Canvas shows it once and keeps a hash.
	Value         secret.Text
	AppName       string // "User-Generated" for tokens that people and admins make
	Scopes        []string
	CanRegenerate bool
}

// TokenUpdate is a change of a token.
type TokenUpdate struct {
	// ExpiresAt is sent with every change and must be set: early Canvas takes
	// a change without it for "never expires".
	ExpiresAt time.Time
	// Purpose is left as it is when empty.
	Purpose string
	// Regenerate replaces the value; the old one ends at once, and a token of
	// somebody else becomes pending again.
	Regenerate bool
}

type tokenJSON struct {
	ID         id       `json:"id"`
	UserID     id       `json:"user_id"`
	Purpose    *string  `json:"purpose"`
	State      string   `json:"workflow_state"`
	CreatedAt  moment   `json:"created_at"`
	UpdatedAt  moment   `json:"updated_at"`
	ExpiresAt  moment   `json:"expires_at"`
	LastUsedAt moment   `json:"last_used_at"`
	Visible    *raw     `json:"visible_token"`
	Documented *raw     `json:"token"` // what Canvas's documents call visible_token
	AppName    *string  `json:"app_name"`
	Scopes     []string `json:"scopes"`
	Manual     bool     `json:"can_manually_regenerate"`
}

// hintLen is the length of a token's hint in Canvas.
const hintLen = 5

// fullValue is the form of a whole value: 64 letters and digits, on sharded
// Canvas behind "shard~". A value that ends in dots is a hint.
var fullValue = regexp.MustCompile(`^[A-Za-z0-9~_]{20,255}$`)

// hintForm is the form of the characters of a value that Canvas shows.
var hintForm = regexp.MustCompile(`^[A-Za-z0-9~_]*$`)

func (j *tokenJSON) visible() string {
	for _, v := range []*raw{j.Visible, j.Documented} {
		if v != nil && *v != "" {
			return string(*v)
		}
	}
	return ""
}

// token returns what j says, without the value.
func (j *tokenJSON) token() Token {
	t := Token{
		ID: string(j.ID), UserID: string(j.UserID), State: j.State,
		CreatedAt: j.CreatedAt.Time, UpdatedAt: j.UpdatedAt.Time, ExpiresAt: j.ExpiresAt.Time, LastUsedAt: j.LastUsedAt.Time,
		Scopes: j.Scopes, CanRegenerate: j.Manual,
	}
	if j.Purpose != nil {
		t.Purpose = *j.Purpose
	}
	if j.AppName != nil {
		t.AppName = *j.AppName
	}
	hint := strings.TrimRight(j.visible(), ".")
	if hint = hint[:min(len(hint), hintLen)]; hintForm.MatchString(hint) {
		t.Hint = hint
	}
	return t
}

// CreateToken makes a token for a user. For anybody but the credential's own
// user it is born pending, and only its owner can activate it, in Canvas.
//
// What Canvas returns may differ from what was asked: ExpiresAt can be earlier,
// without a warning. The purpose must have 1 to 255 characters and the end must
// be after now; both are refused with kind Invalid before anything is sent.
//
// Unclear means that a token may exist. When Canvas answered with a token that
// cannot be handed over (no whole value, another owner), the Token is returned
// beside the Unclear error, so that it can be deleted.
func (c *Client) CreateToken(ctx context.Context, userID, purpose string, expires time.Time) (Token, error) {
	const op = "create token"
	user, e := segment(op, "user", userID)
	if e == nil {
		e = checkPurpose(op, purpose)
	}
	if e == nil && !expires.After(c.cfg.Now()) {
		e = invalid(op, "the end date is missing or past")
	}
	if e != nil {
		return Token{}, e
	}
	t, err := c.writeToken(ctx, call{
		op: op, method: http.MethodPost, path: "users/" + user + "/tokens",
		body: map[string]any{"token": map[string]any{"purpose": purpose, "expires_at": stamp(expires)}},
	}, user, true)
	return t, explainDenied(err)
}

// explainDenied adds to an unexplained refusal what is known to cause one: with
// an elevated authentication provider enforced, Canvas refuses new tokens from
// other sign-ins, and says no more than "not authorized".
func explainDenied(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Kind == Denied && e.Reason == "" {
		e.Detail = append(e.Detail, "the credential may lack create_access_tokens, or this Canvas wants tokens to be made from an elevated sign-in")
	}
	return err
}

// ShowToken reads one token. It needs view_user_generated_access_tokens for
// tokens of others; NotFound alone does not prove that a token is gone.
func (c *Client) ShowToken(ctx context.Context, userID, tokenID string) (Token, error) {
	const op = "show token"
	user, token, e := tokenPath(op, userID, tokenID)
	if e != nil {
		return Token{}, e
	}
	var j tokenJSON
	if err := c.get(ctx, op, "users/"+user+"/tokens/"+token, nil, &j); err != nil {
		return Token{}, err
	}
	t := j.token()
	if t.State == "" || !SameID(t.ID, token) {
		return Token{}, unreadable(op, false, http.StatusOK, "Canvas answered with another object than the one asked for", nil)
	}
	return t, nil
}

// UpdateToken changes a token. The end date is always sent. Canvas may answer
// with another one; compare. With Regenerate the new value is in the answer,
// once; the rules of CreateToken for Unclear hold.
func (c *Client) UpdateToken(ctx context.Context, userID, tokenID string, u TokenUpdate) (Token, error) {
	const op = "update token"
	user, token, e := tokenPath(op, userID, tokenID)
	if e == nil && u.ExpiresAt.IsZero() {
		e = invalid(op, "the end date is missing: Canvas could take that for never")
	}
	if e == nil && u.Purpose != "" {
		e = checkPurpose(op, u.Purpose)
	}
	if e == nil {
		e = c.notAHint(ctx, op, user, token)
	}
	if e != nil {
		return Token{}, e
	}
	fields := map[string]any{"expires_at": stamp(u.ExpiresAt)}
	if u.Purpose != "" {
		fields["purpose"] = u.Purpose
	}
	if u.Regenerate {
		fields["regenerate"] = 1
	}
	t, err := c.writeToken(ctx, call{
		op: op, method: http.MethodPut, path: "users/" + user + "/tokens/" + token, body: map[string]any{"token": fields},
	}, user, u.Regenerate)
	if err == nil && !SameID(t.ID, token) {
		return t, unreadable(op, true, http.StatusOK, "Canvas answered with another token than the one asked for", nil)
	}
	return t, err
}

// RegenerateToken replaces a token's value; the old one ends at once. The new
// one is in the answer, once. A token of somebody else is pending from then on,
// until its owner activates it: where nobody keeps the new value, that freezes
// the token. The end date is sent again, as every change needs; the rules of
// UpdateToken hold.
func (c *Client) RegenerateToken(ctx context.Context, userID, tokenID string, expires time.Time) (Token, error) {
	return c.UpdateToken(ctx, userID, tokenID, TokenUpdate{ExpiresAt: expires, Regenerate: true})
}

// DeleteToken ends a token and returns it in state deleted. NotFound can mean
// that it was gone before, that its owner is unknown, or that the credential
// may not delete (tokens_controller.rb answers 404 for all three): Gone tells
// them apart.
func (c *Client) DeleteToken(ctx context.Context, userID, tokenID string) (Token, error) {
	const op = "delete token"
	user, token, e := tokenPath(op, userID, tokenID)
	if e == nil {
		e = c.notAHint(ctx, op, user, token)
	}
	if e != nil {
		return Token{}, e
	}
	t, err := c.writeToken(ctx, call{op: op, method: http.MethodDelete, path: "users/" + user + "/tokens/" + token}, user, false)
	if err == nil && (t.State != StateDeleted || !SameID(t.ID, token)) {
		return t, unreadable(op, true, http.StatusOK, "Canvas did not answer that this token is deleted", nil)
	}
	return t, err
}

// ListTokens reads all tokens that people or admins made for a user, oldest
// first, pending ones included; tokens of third-party applications are not
// among them. Canvas before 2025 has no such list and answers NotFound.
func (c *Client) ListTokens(ctx context.Context, userID string) ([]Token, error) {
	const op = "list tokens"
	user, e := segment(op, "user", userID)
	if e != nil {
		return nil, e
	}
	rows, err := list[tokenJSON](ctx, c, op, "users/"+user+"/user_generated_tokens", nil)
	if err != nil {
		return nil, err
	}
	tokens := make([]Token, 0, len(rows))
	for i := range rows {
		t := rows[i].token()
		if t.ID == "" || t.UserID == "" || t.State == "" {
			return nil, unreadable(op, false, http.StatusOK, "a row of the list is incomplete", nil)
		}
		tokens = append(tokens, t)
	}
	return tokens, nil
}

// writeToken sends a write that answers with a token, and checks that answer.
func (c *Client) writeToken(ctx context.Context, cl call, user string, wantValue bool) (Token, error) {
	var j tokenJSON
	if _, err := c.do(ctx, cl, &j); err != nil {
		return Token{}, err
	}
	t := j.token()
	switch value := j.visible(); {
	case t.ID == "" || t.State == "":
		return Token{}, unreadable(cl.op, true, http.StatusOK, "the answer is not a token", nil)
	case user != self && !SameID(t.UserID, user):
		return t, unreadable(cl.op, true, http.StatusOK, "Canvas answered with a token of another user", nil)
	case wantValue && !fullValue.MatchString(value):
		return t, unreadable(cl.op, true, http.StatusOK, "Canvas answered without the token's whole value", nil)
	case wantValue:
		t.Value = secret.New(value)
	}
	return t, nil
}

// notAHint guards a write against Canvas's own reading of ids: five characters
// are tried as a token's hint first, so an id of five digits could reach a
// token whose hint has those digits. Such an id is looked up before. Where
// reading is denied (Canvas before 2025) the write goes ahead: its answer is
// compared too, and removing access must not depend on the right to read.
func (c *Client) notAHint(ctx context.Context, op, user, token string) *Error {
	if len(token) != hintLen {
		return nil
	}
	_, err := c.ShowToken(ctx, user, token)
	e, failed := errors.AsType[*Error](err)
	if !failed || e.Kind == Denied {
		return nil
	}
	e.Op = op
	return e
}

func tokenPath(op, userID, tokenID string) (user, token string, e *Error) {
	if user, e = segment(op, "user", userID); e != nil {
		return "", "", e
	}
	if token, e = numericID(op, "token", tokenID); e != nil {
		return "", "", e
	}
	return user, token, nil
}

func checkPurpose(op, purpose string) *Error {
	n := utf8.RuneCountInString(purpose)
	if n < 1 || n > PurposeMax || !utf8.ValidString(purpose) || strings.ContainsFunc(purpose, unicode.IsControl) {
		return invalid(op, "the purpose must have 1 to 255 characters, and no control characters")
	}
	return nil
}

// stamp writes a time as Canvas reads it unmistakably: a text without a zone
// would be read in the zone of the credential's user.
func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
