package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	kubejson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/secretsync/secretsync/api/v1alpha1"
)

// readFile reads a file that a flag names; "-" is standard input.
func (c *cli) readFile(name string) ([]byte, error) {
	if name == "-" {
		content, err := io.ReadAll(c.streams.In)
		if err != nil {
			return nil, usage("standard input can't be read: %v", err)
		}
		return content, nil
	}
	content, err := fs.ReadFile(os.DirFS(filepath.Dir(name)), filepath.Base(name))
	if err != nil {
		return nil, usage("%v", err)
	}
	return content, nil
}

// readSecretSyncs reads the SecretSyncs of a file with manifests. Other kinds are skipped. A SecretSync without a
// namespace is in that of the flags or the context. Its status is dropped.
func (c *cli) readSecretSyncs(name string) ([]v1alpha1.SecretSync, error) {
	objects, err := c.readManifests(name)
	if err != nil {
		return nil, err
	}
	namespace, _, err := c.flags.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return nil, usage("%v", err)
	}
	var found []v1alpha1.SecretSync
	for n, object := range objects {
		var kind metav1.TypeMeta
		if err := yaml.Unmarshal(object, &kind); err != nil {
			return nil, usage("%s: manifest %d: %v", name, n+1, err)
		}
		if kind.GroupVersionKind() != v1alpha1.GroupVersion.WithKind("SecretSync") {
			continue
		}
		read, err := parseSecretSync(object)
		if err != nil {
			return nil, usage("%s: SecretSync %s: %v", name, read.Metadata.Name, err)
		}
		if read.Metadata.Name == "" {
			return nil, usage("%s: manifest %d: metadata.name is missing", name, n+1)
		}
		if read.Metadata.Namespace == "" {
			read.Metadata.Namespace = namespace
		}
		read.Metadata.Generation = 1
		found = append(found, v1alpha1.SecretSync{TypeMeta: read.TypeMeta, ObjectMeta: read.Metadata, Spec: read.Spec})
	}
	if len(found) == 0 {
		return nil, usage("%s has no SecretSync of %s", name, v1alpha1.GroupVersion)
	}
	return found, nil
}

// strictSecretSync is a SecretSync whose fields are all known. The type of the API takes what it does not know.
type strictSecretSync struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ObjectMeta       `json:"metadata"`
	Spec            v1alpha1.SecretSyncSpec `json:"spec"`
	Status          any                     `json:"status,omitempty"`
}

// parseSecretSync reads a manifest as the API server does, which distinguishes capitals, and refuses unknown fields.
func parseSecretSync(object []byte) (read strictSecretSync, err error) {
	content, err := yaml.YAMLToJSONStrict(object)
	if err != nil {
		return read, err
	}
	strict, err := kubejson.UnmarshalStrict(content, &read)
	return read, errors.Join(append(strict, err)...)
}

// readManifests reads the objects of a file, those of lists too.
func (c *cli) readManifests(name string) (objects [][]byte, err error) {
	content, err := c.readFile(name)
	if err != nil {
		return nil, err
	}
	for reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(content))); ; {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, usage("%s: %v", name, err)
		}
		if len(bytes.TrimSpace(document)) == 0 {
			continue
		}
		var list struct {
			Kind  string                 `json:"kind"`
			Items []runtime.RawExtension `json:"items"`
		}
		if err := yaml.Unmarshal(document, &list); err != nil {
			return nil, usage("%s: %v", name, err)
		}
		if list.Items == nil {
			objects = append(objects, document)
		}
		for _, item := range list.Items {
			objects = append(objects, item.Raw)
		}
	}
}
