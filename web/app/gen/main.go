// Command gen bundles the dashboard: TypeScript and the vendored libraries become
// one script and one style sheet in dist, which the binary embeds. It is esbuild's
// Go API, so no Node is needed, in a module of its own, so that esbuild stays out
// of the module graph of Quell's users. The same sources give the same bytes.
//
//	go run .          writes ../dist
//	go run . -check   says what of ../dist is not what the sources give
package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/evanw/esbuild/pkg/api"
)

// mostScript bounds the script: what is fetched before anything is seen.
const mostScript = 150_000

func main() {
	root := flag.String("root", "..", "folder with src, vendor and dist")
	check := flag.Bool("check", false, "compare with what is there and write nothing")
	flag.Parse()
	files, err := build(*root)
	if err == nil {
		if *check {
			err = compare(filepath.Join(*root, "dist"), files)
		} else {
			err = write(filepath.Join(*root, "dist"), files)
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "gen: %v\n", err)
		os.Exit(1)
	}
}

// build returns the files of dist by their paths in it.
func build(root string) (map[string][]byte, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, err
	}
	vendored := func(path string) string { return filepath.Join(root, "vendor", filepath.FromSlash(path)) }
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: root,
		EntryPointsAdvanced: []api.EntryPoint{
			{InputPath: "src/main.tsx", OutputPath: "assets/app"},
			{InputPath: "src/share.ts", OutputPath: "assets/share"},
			{InputPath: "src/style.css", OutputPath: "assets/style"},
		},
		Outdir:            filepath.Join(root, "dist"),
		Bundle:            true,
		MinifyWhitespace:  true,
		MinifyIdentifiers: true,
		MinifySyntax:      true,
		Target:            api.ES2022,
		Format:            api.FormatESModule,
		Charset:           api.CharsetUTF8,
		LegalComments:     api.LegalCommentsNone, // licences stand in dist/assets/licences.txt
		JSX:               api.JSXTransform,
		JSXFactory:        "h",
		JSXFragment:       "Fragment",
		AssetNames:        "assets/[name]",
		Loader:            map[string]api.Loader{".woff2": api.LoaderFile},
		Alias: map[string]string{
			"preact":       vendored("preact/src/index.js"),
			"preact/hooks": vendored("preact/hooks/src/index.js"),
			"uplot":        vendored("uplot/uPlot.esm.js"),
		},
		TsconfigRaw: `{}`,
	})
	if len(result.Errors) > 0 {
		return nil, errors.New(strings.Join(api.FormatMessages(result.Errors, api.FormatMessagesOptions{}), ""))
	}
	files := map[string][]byte{}
	for _, f := range result.OutputFiles {
		rel, err := filepath.Rel(filepath.Join(root, "dist"), f.Path)
		if err != nil {
			return nil, err
		}
		files[filepath.ToSlash(rel)] = f.Contents
	}
	if n := len(files["assets/app.js"]); n > mostScript {
		return nil, fmt.Errorf("assets/app.js has %d bytes, more than %d", n, mostScript)
	}
	return files, errors.Join(static(root, files), licences(root, files))
}

// static adds what is taken as it is.
func static(root string, files map[string][]byte) error {
	for _, name := range []string{"index.html", "icon.svg"} {
		b, err := os.ReadFile(filepath.Join(root, "src", name))
		if err != nil {
			return err
		}
		to := name
		if name != "index.html" {
			to = "assets/" + name
		}
		files[to] = b
	}
	return nil
}

// licences adds the licences of what is vendored, for whoever is given the binary.
func licences(root string, files map[string][]byte) error {
	var out bytes.Buffer
	for _, name := range []string{"inter", "preact", "uplot"} {
		b, err := os.ReadFile(filepath.Join(root, "vendor", name, "LICENSE"))
		if err != nil {
			return err
		}
		fmt.Fprintf(&out, "%s\n\n%s\n\n", name, bytes.TrimSpace(b))
	}
	files["assets/licences.txt"] = out.Bytes()
	return nil
}

// compare returns an error that names each file of dir that differs, is missing or
// has no source.
func compare(dir string, files map[string][]byte) error {
	var errs []error
	for name, want := range files {
		got, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(name)))
		if err != nil || !bytes.Equal(got, want) {
			errs = append(errs, fmt.Errorf("web/app/dist/%s is not what go generate ./web/app writes", name))
		}
	}
	return errors.Join(append(errs, stray(dir, files, func(path string) error {
		return fmt.Errorf("%s has no source", path)
	}))...)
}

// write makes dir hold the files and nothing else.
func write(dir string, files map[string][]byte) error {
	for name, b := range files {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, b, 0o644); err != nil {
			return err
		}
	}
	return stray(dir, files, os.Remove)
}

// stray calls do for each file of dir that is not among files.
func stray(dir string, files map[string][]byte, do func(path string) error) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if _, ok := files[filepath.ToSlash(rel)]; ok {
			return nil
		}
		return do(path)
	})
}
