package launchtest

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

// sealed is what the product seals into a state.
type sealed struct {
	created                                                  time.Time
	binder, registration, deployment, target, storage, nonce string
}

func (l *sealed) texts() []*string {
	return []*string{&l.binder, &l.registration, &l.deployment, &l.target, &l.storage}
}

// login answers a login: the platform by one statement, the state, the cookie.
func (h *reference) login(w http.ResponseWriter, r *http.Request) error {
	r.Body = http.MaxBytesReader(w, r.Body, 64<<10)
	if err := r.ParseForm(); err != nil {
		return err
	}
	l := sealed{created: time.Now(), deployment: r.Form.Get("lti_deployment_id"), target: r.Form.Get("target_link_uri")}
	if hint := r.Form.Get("login_hint"); hint == "" || len(hint) > 2<<10 || !strings.HasPrefix(l.target, strings.TrimSuffix(h.audience, "/lti/launch")+"/") {
		return errBad
	}
	rows, err := h.pool.Query(r.Context(), selectLogin, r.Form.Get("iss"), r.Form.Get("client_id"))
	if err != nil {
		return err
	}
	defer rows.Close()
	var p siteRow
	for rows.Next() {
		if p.id != "" {
			return errBad // it knows one school only
		}
		if err := rows.Scan(p.in()...); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := h.parse(&p); err != nil {
		return err
	}
	next, err := url.Parse(p.authURL)
	if err != nil || !slices.ContainsFunc(p.deployments, func(d deploymentRow) bool { return d.name == l.deployment }) {
		return errBad
	}
	cookie := random()
	l.registration, l.binder = p.id, digest("lti binder", digest("lti shared", digest("lti own", cookie)))
	state, err := h.seal(&l)
	if err != nil {
		return err
	}
	q := next.Query()
	for name, value := range map[string]string{
		"scope": "openid", "response_type": "id_token", "response_mode": "form_post", "prompt": "none", "client_id": p.client,
		"redirect_uri": h.audience, "login_hint": r.Form.Get("login_hint"), "state": state, "nonce": digest("lti nonce", state),
	} {
		q.Set(name, value)
	}
	next.RawQuery = q.Encode()
	http.SetCookie(w, &http.Cookie{Name: cookieName(state), Value: cookie, Path: "/", MaxAge: 600, Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: true})
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, next.String(), http.StatusSeeOther)
	return nil
}

func (h *reference) sealer(salt []byte) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, h.stateKey[:])
	mac.Write([]byte("lti state 1" + string(salt)))
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

func (h *reference) seal(l *sealed) (string, error) {
	salt := make([]byte, 16)
	rand.Read(salt)
	gcm, err := h.sealer(salt)
	if err != nil {
		return "", err
	}
	b := binary.BigEndian.AppendUint64(nil, uint64(l.created.UnixNano()))
	for _, text := range l.texts() {
		b = append(binary.AppendUvarint(b, uint64(len(*text))), *text...)
	}
	return base64.RawURLEncoding.EncodeToString(gcm.Seal(salt, make([]byte, 12), b, []byte(h.audience))), nil
}

func (h *reference) open(state string) (l sealed, err error) {
	raw, err := base64.RawURLEncoding.DecodeString(state)
	if err != nil || len(raw) < 16 {
		return l, errBad
	}
	gcm, err := h.sealer(raw[:16])
	if err != nil {
		return l, err
	}
	b, err := gcm.Open(nil, make([]byte, 12), raw[16:], []byte(h.audience))
	if err != nil || len(b) < 8 {
		return l, errBad
	}
	l.created, l.nonce = time.Unix(0, int64(binary.BigEndian.Uint64(b))), digest("lti nonce", state)
	b = b[8:]
	for _, text := range l.texts() {
		n, used := binary.Uvarint(b)
		*text, b = string(b[used:used+int(n)]), b[used+int(n):]
	}
	return l, nil
}
