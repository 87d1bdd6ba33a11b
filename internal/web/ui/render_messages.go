package ui

import (
	"html/template"
	"reflect"
	"text/template/parse"
)

// messagesOf lists the messages that templates name.
func messagesOf(templates []*template.Template) []string {
	var out []string
	for _, t := range templates {
		if t.Tree != nil && t.Tree.Root != nil {
			out = append(out, messagesIn(reflect.ValueOf(t.Tree.Root))...)
		}
	}
	return out
}

// messagesIn walks a parsed template for calls of T and H with a literal id.
func messagesIn(v reflect.Value) []string {
	var out []string
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if v.IsNil() {
			return nil
		}
		if c, ok := v.Interface().(*parse.CommandNode); ok {
			out = append(out, messageOf(c)...)
		}
		return append(out, messagesIn(v.Elem())...)
	case reflect.Slice:
		for i := range v.Len() {
			out = append(out, messagesIn(v.Index(i))...)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				out = append(out, messagesIn(v.Field(i))...)
			}
		}
	}
	return out
}

func messageOf(c *parse.CommandNode) []string {
	if len(c.Args) < 2 {
		return nil
	}
	var path []string
	switch f := c.Args[0].(type) {
	case *parse.FieldNode:
		path = f.Ident
	case *parse.VariableNode:
		path = f.Ident
	}
	s, ok := c.Args[1].(*parse.StringNode)
	if len(path) == 0 || !ok || (path[len(path)-1] != "T" && path[len(path)-1] != "H") {
		return nil
	}
	return []string{s.Text}
}
