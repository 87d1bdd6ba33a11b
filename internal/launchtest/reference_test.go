package launchtest

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/tokendesk/tokendesk/internal/access"
	"github.com/tokendesk/tokendesk/internal/store"
	"github.com/tokendesk/tokendesk/internal/web/ui"
	"github.com/tokendesk/tokendesk/lti"
)

// reference is a login and a launch as somebody would write them by hand for one
// school: the same statements in the same transactions, the same rules for the token, the
// same session row and cookies, with pgx and nothing in between. It renders
// nothing. TestReferenceDoesTheSame holds it to the product's statements.
type reference struct {
	pool *pgxpool.Pool
	keys sync.Map // kid → *rsa.PublicKey
	// What the texts of platforms were parsed to, by the platform's id.
	parsed sync.Map
	// page also reads what the first page shows.
	page bool
	// What opens a sealed login.
	stateKey [32]byte
	audience string
}

// The product's statements, word by word.
const (
	siteColumns   = `p.id, p.tenant, p.name, p.issuer, p.client_id, p.auth_url, p.token_url, p.key_set_url, p.roster_hosts, p.frame_origins, p.canvas_urls, p.allow_private, p.disabled, p.credential, p.credential_kind, p.created_at, t.name, t.platform_guid, t.canvas_account, t.school, t.learned_cap_days, t.policy_version, t.version, t.created_at, COALESCE((SELECT string_agg(CASE WHEN d.root THEN '*' ELSE '-' END || d.deployment_id, '␞' ORDER BY d.position) FROM platform_deployments d WHERE d.platform = p.id), '')`
	selectLogin   = `SELECT ` + siteColumns + ` FROM platforms p JOIN tenants t ON t.id = p.tenant WHERE p.issuer = $1 AND p.client_id = $2 AND NOT p.disabled ORDER BY p.created_at, p.id`
	selectSite    = `SELECT ` + siteColumns + ` FROM platforms p JOIN tenants t ON t.id = p.tenant WHERE p.id = $1`
	insertNonce   = `INSERT INTO lti_nonces (registration_id, hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING hash`
	selectArrival = `SELECT ` + siteColumns + `, COALESCE(h.id, ''), COALESCE(h.canvas_user, ''), COALESCE(h.name, ''), COALESCE(h.short_name, ''), COALESCE(h.locale, ''), COALESCE(h.time_zone, ''), COALESCE(h.email, ''), h.merged_into, h.seen_at, h.created_at FROM platforms p JOIN tenants t ON t.id = p.tenant LEFT JOIN person_subs s ON s.tenant = p.tenant AND s.sub = $1 LEFT JOIN people h ON h.tenant = s.tenant AND h.id = s.person WHERE p.id = $2`
	insertSession = `INSERT INTO sessions (hash, tenant, person, platform, place, rights, data, created_at, launched_at, seen_at, idle_until, ends_at, cookie_seen) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (hash) DO UPDATE SET data = excluded.data, launched_at = excluded.launched_at, seen_at = excluded.seen_at, idle_until = excluded.idle_until, ends_at = excluded.ends_at, cookie_seen = excluded.cookie_seen`
	selectDiffer  = `SELECT hash, rights FROM sessions WHERE tenant = $1 AND person = $2 AND place = $3 AND rights <> $4 AND hash <> $5`
	selectTally   = `SELECT EXISTS (SELECT 1 FROM requests WHERE tenant = $1 AND sponsor = $2) OR EXISTS (SELECT 1 FROM grants WHERE tenant = $3 AND sponsor = $4) OR EXISTS (SELECT 1 FROM grants WHERE tenant = $5 AND sponsor_asked = $6), (SELECT COUNT(*) FROM requests WHERE tenant = $7 AND sponsor = $8 AND state = 'awaiting_sponsor') + (SELECT COUNT(*) FROM grants WHERE tenant = $9 AND sponsor_asked = $10 AND open AND state <> 'revoking'), EXISTS (SELECT 1 FROM requests WHERE tenant = $11 AND requester = $12), EXISTS (SELECT 1 FROM kept WHERE tenant = $13 AND person = $14), EXISTS (SELECT 1 FROM found_tokens WHERE tenant = $15 AND canvas_user = $16 AND open AND state IN ('told', 'removing')), (SELECT COUNT(*) FROM grants WHERE tenant = $17 AND state = 'revoking' AND owner = $18), 0, (SELECT COUNT(*) FROM incidents WHERE tenant = $19 AND cleared_at IS NULL AND owner = $20), 0`
)

// The rows, with every column that the statements return.

// siteRow is a platform with its tenant and deployments.
type siteRow struct {
	id, tenant, name, issuer, client, authURL, tokenURL, keySetURL string
	rosterHosts, frameOrigins, canvasURLs                          string
	allowPrivate, disabled                                         bool
	credential                                                     []byte
	credentialKind                                                 string
	created, founded                                               time.Time
	schoolName, guid, account, school                              string
	capDays, policy, version                                       int
	allowed                                                        string

	deployments []deploymentRow
	origins     []string
}

func (r *siteRow) in() []any {
	return []any{&r.id, &r.tenant, &r.name, &r.issuer, &r.client, &r.authURL, &r.tokenURL, &r.keySetURL, &r.rosterHosts,
		&r.frameOrigins, &r.canvasURLs, &r.allowPrivate, &r.disabled, &r.credential, &r.credentialKind, &r.created,
		&r.schoolName, &r.guid, &r.account, &r.school, &r.capDays, &r.policy, &r.version, &r.founded, &r.allowed}
}

type deploymentRow struct {
	name string
	root bool
}

type personRow struct {
	id, canvasUser, name, shortName, locale, zone, email string
	merged                                               *string
	seen                                                 *time.Time
	created                                              *time.Time
}

// token is the payload of an id_token, as far as a launch needs it.
type tokenClaims struct {
	Issuer     string   `json:"iss"`
	Audience   string   `json:"aud"`
	Party      string   `json:"azp"`
	Subject    string   `json:"sub"`
	IssuedAt   int64    `json:"iat"`
	Expires    int64    `json:"exp"`
	Nonce      string   `json:"nonce"`
	Name       string   `json:"name"`
	Locale     string   `json:"locale"`
	Message    string   `json:"https://purl.imsglobal.org/spec/lti/claim/message_type"`
	Version    string   `json:"https://purl.imsglobal.org/spec/lti/claim/version"`
	Deployment string   `json:"https://purl.imsglobal.org/spec/lti/claim/deployment_id"`
	Target     string   `json:"https://purl.imsglobal.org/spec/lti/claim/target_link_uri"`
	Roles      []string `json:"https://purl.imsglobal.org/spec/lti/claim/roles"`
	Context    struct {
		ID    string   `json:"id"`
		Title string   `json:"title"`
		Label string   `json:"label"`
		Type  []string `json:"type"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/context"`
	Link struct {
		ID string `json:"id"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/resource_link"`
	Platform struct {
		GUID string `json:"guid"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/tool_platform"`
	Presentation struct {
		Return string `json:"return_url"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/launch_presentation"`
	Custom struct {
		User     string `json:"canvas_user_id"`
		Course   string `json:"canvas_course_id"`
		Acting   string `json:"acting_user_id"`
		TimeZone string `json:"time_zone"`
		Locale   string `json:"locale"`
		Brand    string `json:"brand"`
	} `json:"https://purl.imsglobal.org/spec/lti/claim/custom"`
	Placement string `json:"https://www.instructure.com/placement"`
}

var (
	errBad     = errors.New("bad launch")
	errUnknown = errors.New("the reference knows no person with requests")
)

func (h *reference) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	answer := h.launch
	if r.URL.Path == "/lti/login" {
		answer = h.login
	}
	if err := answer(w, r); err != nil {
		http.Error(w, err.Error(), http.StatusUnauthorized)
	}
}

func (h *reference) launch(w http.ResponseWriter, r *http.Request) error {
	ctx, now := r.Context(), time.Now()
	r.Body = http.MaxBytesReader(w, r.Body, 256<<10)
	if err := r.ParseForm(); err != nil {
		return err
	}
	state := r.PostForm.Get("state")
	st, err := h.open(state)
	if err != nil {
		return err
	}
	var p siteRow
	if err := h.site(ctx, &p, st.registration); err != nil {
		return err
	}
	c, err := h.verify(ctx, r.PostForm.Get("id_token"), p, st, now)
	if err != nil {
		return err
	}
	if err := h.pool.QueryRow(ctx, insertNonce, st.registration, digest("lti used nonce", c.Nonce), st.created.Add(20*time.Minute)).Scan(new(string)); err != nil {
		return err
	}
	if !boundBy(r, state, st.binder) {
		return errBad
	}
	var who personRow
	if err := h.arrival(ctx, &p, &who, st.registration, c.Subject); err != nil {
		return err
	}
	if p.disabled || p.guid != c.Platform.GUID || who.id == "" || who.canvasUser == "" || who.canvasUser != c.Custom.User {
		return errBad
	}
	if err := h.begin(ctx, w, r, state, c, p, who, now); err != nil {
		return err
	}
	_, err = io.WriteString(w, "launched")
	return err
}

// verify applies every rule that the product applies.
func (h *reference) verify(ctx context.Context, token string, p siteRow, st sealed, now time.Time) (*tokenClaims, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, errBad
	}
	raw, err := base64.RawURLEncoding.DecodeString(parts[0])
	if err != nil {
		return nil, err
	}
	var header struct{ Alg, Kid string }
	if err := json.Unmarshal(raw, &header); err != nil || header.Alg != "RS256" {
		return nil, errBad
	}
	key, err := h.key(ctx, p.keySetURL, header.Kid)
	if err != nil {
		return nil, err
	}
	sig, err := base64.RawURLEncoding.DecodeString(parts[2])
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256([]byte(token[:len(parts[0])+1+len(parts[1])]))
	if err := rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], sig); err != nil {
		return nil, err
	}
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, err
	}
	var c tokenClaims
	if err := json.Unmarshal(payload, &c); err != nil {
		return nil, err
	}
	allowed := slices.ContainsFunc(p.deployments, func(d deploymentRow) bool { return d.name == c.Deployment })
	if c.Issuer != p.issuer || c.Audience != p.client || c.Party != p.client || now.Unix() > c.Expires || now.Unix()-c.IssuedAt > 660 ||
		c.Nonce != st.nonce || c.Version != "1.3.0" || c.Message != "LtiResourceLinkRequest" || !allowed ||
		c.Deployment != st.deployment || c.Platform.GUID != p.guid || c.Roles == nil || c.Subject == "" || c.Link.ID == "" || c.Target != st.target ||
		!now.Before(st.created.Add(10*time.Minute)) {
		return nil, errBad
	}
	return &c, nil
}

// key fetches the platform's keys once.
func (h *reference) key(ctx context.Context, url, kid string) (*rsa.PublicKey, error) {
	if k, ok := h.keys.Load(kid); ok {
		return k.(*rsa.PublicKey), nil
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	res, err := loopback.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var set struct{ Keys []struct{ Kid, N string } }
	if err := json.NewDecoder(res.Body).Decode(&set); err != nil {
		return nil, err
	}
	for _, k := range set.Keys {
		n, err := base64.RawURLEncoding.DecodeString(k.N)
		if err != nil {
			return nil, err
		}
		h.keys.Store(k.Kid, &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: 65537})
	}
	if k, ok := h.keys.Load(kid); ok {
		return k.(*rsa.PublicKey), nil
	}
	return nil, errBad
}

// boundBy reports whether the login's cookie came back.
func boundBy(r *http.Request, state, binder string) bool {
	c, err := r.Cookie(cookieName(state))
	return err == nil && digest("lti binder", digest("lti shared", digest("lti own", c.Value))) == binder
}

// begin makes the session and sends its cookie.
func (h *reference) begin(ctx context.Context, w http.ResponseWriter, r *http.Request, state string, c *tokenClaims, p siteRow, who personRow, now time.Time) error {
	sess := ui.Session{
		Caller: access.Caller{
			Platform: p.id, CanvasUser: who.canvasUser, Name: c.Name, TimeZone: c.Custom.TimeZone,
			Launch: access.Launch{
				LaunchedAt: now, Sub: c.Subject, Door: access.DoorCourse,
				Learner: slices.Contains(c.Roles, lti.RoleLearner), Teacher: slices.Contains(c.Roles, lti.RoleInstructor),
				AccountRole: slices.Contains(c.Roles, lti.RoleInstitutionAdministrator),
			},
		},
		School: p.schoolName, Locale: c.Custom.Locale, CanvasURL: p.origins[0], Frames: p.origins, Target: "/lti/launch",
	}
	sess.Course.ID, sess.Course.Name, sess.Course.Code = c.Custom.Course, c.Context.Title, c.Context.Label
	var brand struct {
		Primary    string `json:"ic-brand-primary"`
		Link       string `json:"ic-link-color"`
		Button     string `json:"ic-brand-button--primary-bgd"`
		ButtonText string `json:"ic-brand-button--primary-text"`
	}
	if err := json.Unmarshal([]byte(c.Custom.Brand), &brand); err != nil {
		return err
	}
	sess.Brand = ui.Brand(brand)
	data, err := json.Marshal(map[string]any{"session": sess, "new_tab": p.origins[0] + "/courses/" + c.Custom.Course})
	if err != nil {
		return err
	}
	handle := rand.Text()
	hash := sha256.Sum256([]byte(handle))
	rights := sess.Rights()
	place := "course:" + c.Custom.Course
	var both pgx.Batch
	both.Queue(insertSession, hash[:], p.tenant, who.id, p.id, place, rights, string(data), now, now, now, now.Add(30*time.Minute), now.Add(8*time.Hour), false)
	both.Queue(selectDiffer, p.tenant, who.id, place, rights, hash[:]).Query(func(differ pgx.Rows) error { return none(differ, nil) })
	if h.page {
		counts(&both, &p, who)
	}
	if err := h.pool.SendBatch(ctx, &both).Close(); err != nil {
		return err
	}
	for _, k := range []*http.Cookie{{Name: cookieName(state), MaxAge: -1}, {Name: "__Host-tool_session", Value: handle}} {
		k.Path, k.Secure, k.HttpOnly, k.SameSite, k.Partitioned = "/", true, true, http.SameSiteNoneMode, true
		http.SetCookie(w, k)
	}
	w.Header().Set("Cache-Control", "no-store")
	return nil
}

// counts asks what the navigation counts and what the student's home has: nothing.
func counts(also *pgx.Batch, p *siteRow, who personRow) {
	t := p.tenant
	also.Queue(selectTally, t, who.id, t, who.id, t, who.id, t, who.id, t, who.id, t, who.id, t, who.id, t, who.canvasUser, t, who.id, t, who.id).QueryRow(func(row pgx.Row) error {
		var sponsoring, asked, kept, told bool
		var endorse, revoking, review, ownLeaks, leaks int
		if err := row.Scan(&sponsoring, &endorse, &asked, &kept, &told, &revoking, &review, &ownLeaks, &leaks); err != nil {
			return err
		}
		if sponsoring || asked || kept || told || endorse+revoking+review+ownLeaks+leaks > 0 {
			return errUnknown
		}
		return nil
	})
}

// none reads rows of which this person has none.
func none(rows pgx.Rows, err error) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	if rows.Next() {
		return errUnknown
	}
	return rows.Err()
}

// place reads a platform with its tenant and deployments.
func (h *reference) site(ctx context.Context, r *siteRow, id string) error {
	if err := h.pool.QueryRow(ctx, selectSite, id).Scan(r.in()...); err != nil {
		return err
	}
	return h.parse(r)
}

// arrival reads them with the person whom a sub is linked to.
func (h *reference) arrival(ctx context.Context, r *siteRow, who *personRow, id, sub string) error {
	err := h.pool.QueryRow(ctx, selectArrival, sub, id).Scan(append(r.in(), &who.id, &who.canvasUser, &who.name, &who.shortName, &who.locale,
		&who.zone, &who.email, &who.merged, &who.seen, &who.created)...)
	if err != nil {
		return err
	}
	return h.parse(r)
}

// parse reads the texts of a place, those that it has not read before.
func (h *reference) parse(r *siteRow) error {
	type parts struct {
		texts       [3]string
		deployments []deploymentRow
		origins     []string
	}
	texts := [3]string{r.allowed, r.canvasURLs, r.school}
	if kept, ok := h.parsed.Load(r.id); ok && kept.(*parts).texts == texts {
		r.deployments, r.origins = kept.(*parts).deployments, kept.(*parts).origins
		return nil
	}
	r.deployments, r.origins = nil, nil
	for one := range strings.SplitSeq(r.allowed, "␞") {
		if one != "" {
			r.deployments = append(r.deployments, deploymentRow{one[1:], one[0] == '*'})
		}
	}
	if len(r.deployments) == 0 {
		return errBad
	}
	if err := errors.Join(json.Unmarshal([]byte(r.canvasURLs), &r.origins), json.Unmarshal([]byte(r.school), new(store.School))); err != nil {
		return err
	}
	h.parsed.Store(r.id, &parts{texts, r.deployments, r.origins})
	return nil
}

// digest and cookieName are the product's (package lti): both sides answer the
// same logins.
func digest(label, value string) string {
	sum := sha256.Sum256([]byte(label + "\x00" + value))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func cookieName(state string) string {
	sum := sha256.Sum256([]byte("lti cookie\x00" + state))
	return "__Host-lti_" + hex.EncodeToString(sum[:8])
}
