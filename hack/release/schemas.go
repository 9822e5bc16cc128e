package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

// makeSchemas writes a JSON schema for each version of each CRD.
func (r *release) makeSchemas(context.Context) error {
	files, err := filepath.Glob("config/crd/secretsync.dev_*.yaml")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("config/crd has %d CRDs: %w", len(files), err)
	}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		schemas, err := schemasOf(content)
		if err != nil {
			return fmt.Errorf("%s: %w", file, err)
		}
		for name, schema := range schemas {
			if err := os.WriteFile(filepath.Join(folder, name), schema, 0o644); err != nil {
				return err
			}
		}
	}
	return nil
}

// schemasOf gives the JSON schemas of a CRD's versions, by file name.
func schemasOf(content []byte) (map[string][]byte, error) {
	var crd apiextensionsv1.CustomResourceDefinition
	if err := yaml.UnmarshalStrict(content, &crd); err != nil {
		return nil, err
	}
	schemas := map[string][]byte{}
	for _, version := range crd.Spec.Versions {
		if version.Schema == nil {
			return nil, fmt.Errorf("version %s has no schema", version.Name)
		}
		plain, err := json.Marshal(version.Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, err
		}
		schema := map[string]any{}
		if err := json.Unmarshal(plain, &schema); err != nil {
			return nil, err
		}
		schema = standard(schema).(map[string]any)
		schema["$schema"] = "http://json-schema.org/draft-07/schema#"
		schema["title"] = crd.Spec.Names.Kind + " " + crd.Spec.Group + "/" + version.Name
		schema["required"] = []string{"apiVersion", "kind", "spec"}
		properties := schema["properties"].(map[string]any)
		properties["apiVersion"] = map[string]any{"const": crd.Spec.Group + "/" + version.Name}
		properties["kind"] = map[string]any{"const": crd.Spec.Names.Kind}
		written, err := json.MarshalIndent(schema, "", " ")
		if err != nil {
			return nil, err
		}
		schemas[crd.Spec.Names.Singular+"_"+version.Name+".schema.json"] = append(written, '\n')
	}
	return schemas, nil
}

// standard rewrites a schema of Kubernetes as JSON Schema: what is not listed is refused, as strict validation does,
// and Kubernetes' own keywords are left out.
func standard(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = standard(value[i])
		}
	case map[string]any:
		if value["x-kubernetes-int-or-string"] == true {
			delete(value, "anyOf")
			value["type"] = []any{"integer", "string"}
		}
		_, listed := value["properties"].(map[string]any)
		_, more := value["additionalProperties"]
		if listed && !more && value["type"] == "object" && value["x-kubernetes-preserve-unknown-fields"] != true {
			value["additionalProperties"] = false
		}
		for name := range value {
			if strings.HasPrefix(name, "x-kubernetes-") {
				delete(value, name)
				continue
			}
			value[name] = standard(value[name])
		}
	}
	return value
}
