package main

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// The media types and the annotations of the OCI image specification; the last one is containerd's.
const (
	indexType    = "application/vnd.oci.image.index.v1+json"
	manifestType = "application/vnd.oci.image.manifest.v1+json"

	annotationTag       = "org.opencontainers.image.ref.name"
	annotationReference = "io.containerd.image.name"
)

// descriptor points at a blob.
type descriptor struct {
	MediaType   string            `json:"mediaType"`
	Digest      string            `json:"digest"`
	Size        int64             `json:"size"`
	Annotations map[string]string `json:"annotations,omitempty"`
	Platform    *imagePlatform    `json:"platform,omitempty"`
}

type imagePlatform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
}

// imageIndex lists the manifests of an image, one for each platform.
type imageIndex struct {
	SchemaVersion int               `json:"schemaVersion"`
	MediaType     string            `json:"mediaType"`
	Manifests     []descriptor      `json:"manifests"`
	Annotations   map[string]string `json:"annotations,omitempty"`
}

// imageManifest is the part of an image's manifest that is read here.
type imageManifest struct {
	Config descriptor   `json:"config"`
	Layers []descriptor `json:"layers"`
}

// imageConfig is the part of an image's configuration that is read here.
type imageConfig struct {
	imagePlatform
	Config struct {
		Labels map[string]string `json:"Labels"`
	} `json:"config"`
}

// blobs are the files of the blobs of an archive, by digest.
type blobs map[string]string

// writeArchive writes an OCI archive with one index of all the images in some layouts, and gives the index's digest.
// The same images give the same bytes.
func writeArchive(file string, image imageSpec, layouts []string) (string, error) {
	kept := blobs{}
	combined := imageIndex{SchemaVersion: 2, MediaType: indexType}
	for _, layout := range layouts {
		images, labels, err := kept.images(layout)
		if err != nil {
			return "", err
		}
		combined.Manifests = append(combined.Manifests, images...)
		combined.Annotations = labels // They are the same for each platform.
	}
	slices.SortFunc(combined.Manifests, func(a, b descriptor) int {
		return strings.Compare(a.Platform.Architecture, b.Platform.Architecture)
	})
	if found := platformsOf(combined); !slices.Equal(found, slices.Sorted(slices.Values(image.platforms))) {
		return "", fmt.Errorf("the build made images for %q, not for %q", found, image.platforms)
	}
	content, err := json.Marshal(combined)
	if err != nil {
		return "", err
	}
	digest := digestOf(content)
	top, err := json.Marshal(imageIndex{SchemaVersion: 2, MediaType: indexType, Manifests: []descriptor{{
		MediaType: indexType, Digest: digest, Size: int64(len(content)),
		Annotations: map[string]string{annotationTag: image.version, annotationReference: image.reference()},
	}}})
	if err != nil {
		return "", err
	}
	return digest, kept.write(file, map[string][]byte{
		"oci-layout": []byte(`{"imageLayoutVersion":"1.0.0"}`),
		"index.json": top,
		"blobs/" + strings.Replace(digest, ":", "/", 1): content,
	})
}

func platformsOf(index imageIndex) (found []string) {
	for _, manifest := range index.Manifests {
		found = append(found, manifest.Platform.OS+"/"+manifest.Platform.Architecture)
	}
	return found
}

func digestOf(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// images keeps the blobs of a layout's images, and gives their descriptors and the labels of the last one. Indexes in
// the layout are resolved.
func (b blobs) images(layout string) (images []descriptor, labels map[string]string, err error) {
	content, err := os.ReadFile(filepath.Join(layout, "index.json"))
	if err != nil {
		return nil, nil, err
	}
	var top imageIndex
	if err := json.Unmarshal(content, &top); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", layout, err)
	}
	for queue := top.Manifests; len(queue) > 0; queue = queue[1:] {
		switch queue[0].MediaType {
		case indexType:
			var nested imageIndex
			if err := read(layout, queue[0].Digest, &nested); err != nil {
				return nil, nil, err
			}
			queue = append(queue, nested.Manifests...)
		case manifestType:
			var configured imageConfig
			if configured, err = b.keep(layout, queue[0].Digest); err != nil {
				return nil, nil, err
			}
			labels = configured.Config.Labels
			images = append(images, descriptor{MediaType: manifestType, Digest: queue[0].Digest, Size: queue[0].Size, Platform: &configured.imagePlatform})
		default:
			return nil, nil, fmt.Errorf("%s: unknown media type %s", layout, queue[0].MediaType)
		}
	}
	return images, labels, nil
}

// keep remembers where the blobs of an image are, and gives its configuration.
func (b blobs) keep(layout, digest string) (configured imageConfig, err error) {
	var parts imageManifest
	if err := read(layout, digest, &parts); err != nil {
		return imageConfig{}, err
	}
	b[digest] = blob(layout, digest)
	for _, part := range append(parts.Layers, parts.Config) {
		b[part.Digest] = blob(layout, part.Digest)
	}
	return configured, read(layout, parts.Config.Digest, &configured)
}

func blob(layout, digest string) string {
	algorithm, hash, _ := strings.Cut(digest, ":")
	return filepath.Join(layout, "blobs", algorithm, filepath.Base(hash))
}

// read reads a blob of JSON, and checks that it is what its digest says.
func read(layout, digest string, into any) error {
	content, err := os.ReadFile(blob(layout, digest))
	if err != nil {
		return err
	}
	if found := digestOf(content); found != digest {
		return fmt.Errorf("%s: blob %s has the digest %s", layout, digest, found)
	}
	return json.Unmarshal(content, into)
}

// write writes the archive: small files by their content, then the blobs; all in the order of their names, without
// times and owners.
func (b blobs) write(file string, small map[string][]byte) (err error) {
	archive, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, archive.Close()) }()
	writer := tar.NewWriter(archive)
	header := func(name string, size int64) error {
		return writer.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o644, Format: tar.FormatUSTAR})
	}
	for _, name := range slices.Sorted(maps.Keys(small)) {
		if err := header(name, int64(len(small[name]))); err != nil {
			return err
		}
		if _, err := writer.Write(small[name]); err != nil {
			return err
		}
	}
	for _, digest := range slices.Sorted(maps.Keys(b)) {
		if err := copyBlob(writer, header, digest, b[digest]); err != nil {
			return err
		}
	}
	return writer.Close()
}

func copyBlob(writer io.Writer, header func(string, int64) error, digest, from string) error {
	content, err := os.Open(from)
	if err != nil {
		return err
	}
	defer content.Close()
	state, err := content.Stat()
	if err != nil {
		return err
	}
	if err := header("blobs/"+strings.Replace(digest, ":", "/", 1), state.Size()); err != nil {
		return err
	}
	_, err = io.Copy(writer, content)
	return err
}
