package config

import (
	"encoding/json"
	"fmt"
)

// SchemaID names the JSON Schema of the configuration file.
const SchemaID = "https://github.com/imagegate/imagegate/docs/schema/imagegate.schema.json"

// Schema returns the JSON Schema (2020-12) of the configuration file, made from the
// option table. It is published as docs/schema/imagegate.schema.json.
func Schema() ([]byte, error) {
	properties := map[string]any{
		"$schema": map[string]any{"type": "string", "description": "This schema, for editors"},
	}
	properties[trustKey] = trustSchema()
	for _, o := range Options() {
		if o.Use == FlagOnly || o.Name == "config" {
			continue
		}
		properties[o.Name] = o.schema(o.Help)
		if o.Alias != "" {
			properties[o.Alias] = o.schema("The same as " + o.Name)
		}
	}
	out, err := json.MarshalIndent(map[string]any{
		"$schema":              "https://json-schema.org/draft/2020-12/schema",
		"$id":                  SchemaID,
		"title":                "Configuration of imagegate (" + DefaultFile + ")",
		"type":                 "object",
		"additionalProperties": false,
		"properties":           properties,
	}, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write the configuration schema: %w", err)
	}
	return append(out, '\n'), nil
}

func (o Option) schema(help string) map[string]any {
	s := map[string]any{"description": help}
	if o.Default != "" {
		s["default"] = o.defaultValue()
	}
	switch o.Kind {
	case Bool:
		s["type"] = "boolean"
	case Int:
		s["type"] = "integer"
	case List:
		item := map[string]any{"type": "string"}
		s["oneOf"] = []any{item, map[string]any{"type": "array", "items": item}}
	case Duration:
		s["type"] = "string"
		s["pattern"] = `^[0-9.]+[a-zµ]+([0-9.]+[a-zµ]+)*$|^0$`
	case String:
		s["type"] = "string"
		if len(o.Values) > 0 {
			s["enum"] = o.Values
		}
	}
	return s
}

// defaultValue is the default in the type that the schema names.
func (o Option) defaultValue() any {
	switch o.Kind {
	case Bool:
		return o.Default == "true"
	case Int:
		return json.Number(o.Default)
	case List:
		return splitList(o.Default)
	case String, Duration:
	}
	return o.Default
}
