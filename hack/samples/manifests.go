package samples

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// What the manifests are written for. Manifests replaces it.
const (
	writtenPartition = "arn:aws:"
	writtenRegion    = "eu-west-1"
	writtenReplica   = "eu-central-1"
	writtenAccount   = "111122223333"
	writtenSecret    = "/samples/signing-key-a1b2c3"
)

// Manifest is an object of a sample.
type Manifest struct {
	// File is the sample's path.
	File string
	*unstructured.Unstructured
}

// Manifests reads the samples that a folder's kustomization.yaml lists, and replaces partition, region, account and the
// ARN that they are written for by those of signing, the ARN that Seed gives.
func Manifests(folder, signing string) ([]Manifest, error) {
	actual, err := arn.Parse(signing)
	if err != nil {
		return nil, err
	}
	replica := writtenReplica
	if actual.Region == writtenReplica {
		replica = writtenRegion
	}
	// The replacer compares at each position in the order of its arguments, and does not replace what it has written.
	replacer := strings.NewReplacer(writtenPartition, "arn:"+actual.Partition+":", writtenRegion, actual.Region, writtenReplica, replica,
		writtenAccount, actual.AccountID, writtenSecret, strings.TrimPrefix(actual.Resource, "secret:"))
	list, err := os.ReadFile(filepath.Join(folder, "kustomization.yaml"))
	if err != nil {
		return nil, err
	}
	var listed struct{ Resources []string }
	if err := yaml.Unmarshal(list, &listed); err != nil {
		return nil, fmt.Errorf("reading %s/kustomization.yaml: %w", folder, err)
	}
	var all []Manifest
	for _, name := range listed.Resources {
		file := filepath.Join(folder, name)
		written, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		objects, err := decode([]byte(replacer.Replace(string(written))))
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", file, err)
		}
		for _, object := range objects {
			all = append(all, Manifest{File: file, Unstructured: object})
		}
	}
	return all, nil
}

// decode reads all documents of a manifest.
func decode(manifest []byte) (all []*unstructured.Unstructured, err error) {
	documents := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), len(manifest)+1)
	for {
		object := &unstructured.Unstructured{}
		if err := documents.Decode(&object.Object); errors.Is(err, io.EOF) {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		if len(object.Object) > 0 {
			all = append(all, object)
		}
	}
}
