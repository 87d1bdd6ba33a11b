package desktest

import "net/http"

const (
	// OneTokenRoute is the stand-in's route of one token.
	OneTokenRoute = CreateRoute + "/:id"
	// ListRoute is the stand-in's list of a person's tokens.
	ListRoute = "/api/v1/users/:user_id/user_generated_tokens"
	// Denied is what the stand-in says to who may not.
	Denied = `{"status":"unauthorized","errors":[{"message":"user not authorized to perform that action"}]}`
)

// CanvasPath is the last part of a call's path.
func CanvasPath(req *http.Request) string {
	parts := []byte(req.URL.Path)
	for i := len(parts) - 1; i >= 0; i-- {
		if parts[i] == '/' {
			return string(parts[i+1:])
		}
	}
	return ""
}
