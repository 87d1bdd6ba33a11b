package desktest

import (
	"errors"

	"github.com/tokendesk/tokendesk/internal/access"
)

// FieldCode is the correction that err asks for at a field, or "".
func FieldCode(err error, field string) string {
	var form *access.FormError
	if errors.As(err, &form) {
		for _, f := range form.Fields {
			if f.Field == field {
				return f.Code
			}
		}
	}
	return ""
}
