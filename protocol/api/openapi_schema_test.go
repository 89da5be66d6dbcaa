package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hold checks a JSON text against a schema.
func (d *described) hold(schema map[string]any, text []byte) error {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return err
	}
	return d.check("", schema, v)
}

// check is the part of JSON Schema (2020-12) that the description uses. A keyword that it does not
// know is an error, so that nothing goes unchecked.
func (d *described) check(at string, schema map[string]any, v any) error {
	for word, arg := range schema {
		var err error
		switch word {
		case "description", "required", "properties", "additionalProperties", "unevaluatedProperties": // below
		case "$ref":
			err = d.check(at, d.resolve(arg), v)
		case "type":
			if got := kindOf(v); got != arg && !(got == "integer" && arg == "number") {
				err = fmt.Errorf("%s is %s, not %s", at, got, arg)
			}
		case "enum":
			if !slices.Contains(arg.([]any), v) {
				err = fmt.Errorf("%s is %v, none of %v", at, v, arg)
			}
		case "const":
			if arg != v {
				err = fmt.Errorf("%s is %v, not %v", at, v, arg)
			}
		case "items":
			list, _ := v.([]any)
			for i, e := range list {
				err = errors.Join(err, d.check(fmt.Sprintf("%s[%d]", at, i), arg.(map[string]any), e))
			}
		case "allOf":
			for _, s := range arg.([]any) {
				err = errors.Join(err, d.check(at, s.(map[string]any), v))
			}
		case "anyOf", "oneOf":
			err = d.checkAny(at, arg.([]any), v, word == "oneOf")
		default:
			err = fmt.Errorf("%s: the test does not know the keyword %s", at, word)
		}
		if err != nil {
			return err
		}
	}
	return d.checkObject(at, schema, v)
}

func (d *described) checkAny(at string, list []any, v any, one bool) error {
	var errs []error
	for _, s := range list {
		if err := d.check(at, s.(map[string]any), v); err != nil {
			errs = append(errs, err)
		}
	}
	if n := len(list) - len(errs); n == 0 || one && n > 1 {
		return fmt.Errorf("%s: %d of %d hold: %w", at, n, len(list), errors.Join(errs...))
	}
	return nil
}

func (d *described) checkObject(at string, schema map[string]any, v any) error {
	o, ok := v.(map[string]any)
	if !ok {
		return nil
	}
	required, _ := schema["required"].([]any)
	for _, k := range required {
		if _, ok := o[k.(string)]; !ok {
			return fmt.Errorf("%s.%s is missing", at, k)
		}
	}
	props, _ := schema["properties"].(map[string]any)
	known := d.known(schema)
	rest, closed := schema["additionalProperties"]
	if u, ok := schema["unevaluatedProperties"]; ok {
		rest, closed = u, true
	}
	for _, k := range slices.Sorted(maps.Keys(o)) {
		if s, ok := props[k].(map[string]any); ok {
			if err := d.check(at+"."+k, s, o[k]); err != nil {
				return err
			}
		} else if s, ok := rest.(map[string]any); ok && !known[k] {
			if err := d.check(at+"."+k, s, o[k]); err != nil {
				return err
			}
		} else if closed && rest == false && !known[k] {
			return fmt.Errorf("%s.%s is not described", at, k)
		}
	}
	return nil
}

// known gives the properties that a schema or what it refers to describes.
func (d *described) known(schema map[string]any) map[string]bool {
	out := map[string]bool{}
	props, _ := schema["properties"].(map[string]any)
	for k := range props {
		out[k] = true
	}
	all, _ := schema["allOf"].([]any)
	for _, s := range all {
		maps.Copy(out, d.known(s.(map[string]any)))
	}
	if r, ok := schema["$ref"]; ok {
		maps.Copy(out, d.known(d.resolve(r)))
	}
	return out
}

func (d *described) resolve(ref any) map[string]any {
	return d.Components.Schemas[strings.TrimPrefix(ref.(string), "#/components/schemas/")].(map[string]any)
}

func kindOf(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case bool:
		return "boolean"
	case string:
		return "string"
	case []any:
		return "array"
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			return "number"
		}
		return "integer"
	}
	return "object"
}

// TestTheCheckFails holds what is wrong against schemas: a check that lets all pass proves nothing.
func TestTheCheckFails(t *testing.T) {
	d := description(t)
	for _, x := range []struct{ schema, text string }{
		{"Failure", `{}`}, {"Failure", `{"code":"1"}`}, {"Failure", `{"code":1.5}`}, {"Failure", `{"code":1,"x":1}`}, {"Failure", `[]`},
		{"Rates", `{"recv_30s":1,"send_30s":1,"recv_5m":1}`}, {"Texts", `{"a":1}`}, {"Event", `{"event":"play"}`},
		{"Cluster", `{"query":{"ip":"","vhost":"","app":"","stream":""},"origin":{}}`}, {"Reload", `{"applied":[1],"needs_restart":[],"ignored":[],"errors":[]}`},
	} {
		require.Error(t, d.hold(d.Components.Schemas[x.schema].(map[string]any), []byte(x.text)), x.text)
	}
}

// TestOpenAPIIsClosed makes sure that no object may have what is not described.
func TestOpenAPIIsClosed(t *testing.T) {
	var walk func(at string, v any)
	walk = func(at string, v any) {
		switch v := v.(type) {
		case []any:
			for i, e := range v {
				walk(fmt.Sprintf("%s[%d]", at, i), e)
			}
		case map[string]any:
			if props, ok := v["properties"].(map[string]any); ok && v["type"] == "object" && at != ".components.schemas.Head" {
				_, a := v["additionalProperties"]
				_, u := v["unevaluatedProperties"]
				require.True(t, a || u, "%s is open", at)
				required, _ := v["required"].([]any)
				for _, k := range required {
					require.Contains(t, props, k, at)
				}
			}
			for k, e := range v {
				walk(at+"."+k, e)
			}
		}
	}
	var doc any
	require.NoError(t, json.Unmarshal(openapi, &doc))
	walk("", doc)
}
