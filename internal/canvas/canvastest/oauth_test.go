package canvastest

import (
	"net/url"
	"testing"
	"time"
)

func TestOAuthRefresh(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	client := r.w.AddOAuthClient("service", "Tokendesk")
	ask := func(change func(url.Values)) answer {
		form := url.Values{
			"grant_type": {"refresh_token"}, "client_id": {client.ClientID},
			"client_secret": {client.Secret}, "refresh_token": {client.RefreshToken},
		}
		if change != nil {
			change(form)
		}
		return r.nobody().do("POST", "/login/oauth2/token", form.Encode())
	}
	type granted struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		TokenType    string `json:"token_type"`
		ExpiresIn    int    `json:"expires_in"`
	}
	first := decode[granted](ask(nil).want(200))
	if first.TokenType != "Bearer" || first.ExpiresIn != 3600 || first.RefreshToken != "" {
		t.Errorf("answer %+v", first)
	}
	r.with(first.AccessToken).do("GET", "/api/v1/users/self", nil).want(200)
	if rows := decode[[]tokenBody](r.as("service").do("GET", listPath("self"), nil).want(200)); len(rows) != 1 {
		t.Errorf("the developer key's token is listed among the manual ones: %v", rows)
	}

	r.w.Clock.Advance(61 * time.Minute)
	r.with(first.AccessToken).do("GET", "/api/v1/users/self", nil).want(401)
	second := decode[granted](ask(nil).want(200))
	r.with(second.AccessToken).do("GET", "/api/v1/users/self", nil).want(200)

	ask(func(f url.Values) { f.Set("client_secret", "wrong") }).want(401).
		body(`{"error":"invalid_client","error_description":"unknown client"}`)
	ask(func(f url.Values) { f.Set("client_id", "1") }).want(401)
	const dead = `{"error":"invalid_request","error_description":"refresh_token not found"}`
	ask(func(f url.Values) { f.Set("refresh_token", "wrong") }).want(400).body(dead)
	r.must(r.w.RevokeOAuthClient(client.ClientID) && !r.w.RevokeOAuthClient("1"), "revoking")
	ask(nil).want(400).body(dead)
	r.with(second.AccessToken).do("GET", "/api/v1/users/self", nil).want(401)
}

func TestUnknownCallsAreNotFoundInCanvassWords(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	const body = `{"errors":[{"message":"The specified resource does not exist."}]}`
	r.as("dana").do("GET", tokensPath("self"), nil).want(404).body(body) // there is no such index
	r.as("dana").do("PATCH", tokensPath("self", "5"), nil).want(404).body(body)
	r.as("dana").do("GET", "/api/v1/no_such_thing", nil).want(404).body(body)
}
