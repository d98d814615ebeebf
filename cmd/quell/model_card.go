package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quell-stream/quell/model"
)

func modelCardCmd(s streams) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "card MODEL",
		Short: "Print a model's card: what it is for and where it comes from",
		Long: `Print a model's card: what it is for, where it comes from, how it was trained and what it
reached, and its licence.`,
		Example: "  quell model card base",
		Args:    exactly(1, "one model"),
		RunE: func(_ *cobra.Command, args []string) error {
			m, err := loadModel(args[0], anyLookahead)
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(s.out).Encode(map[string]string{"model": m.Name(), "card": card(m), "licence": m.Header().Licence})
			}
			_, err = fmt.Fprint(s.out, card(m))
			return err
		},
	}
	jsonFlag(cmd, &asJSON)
	return cmd
}

// card returns a model's card; for a model without one what its header knows.
func card(m *model.Model) string {
	h := m.Header()
	var b strings.Builder
	if h.Int8 != nil {
		fmt.Fprintf(&b, "%s is %s with weights of 8 bits; their ranges come from %s.", m.Name(), h.Provenance.Parent, h.Int8.Calibration)
		if h.Card != "" {
			fmt.Fprintf(&b, " This is the card of %s:", h.Provenance.Parent)
		}
		b.WriteString("\n\n")
	}
	if h.Card != "" {
		return b.String() + strings.TrimRight(h.Card, "\n") + "\n"
	}
	fmt.Fprintf(&b, "# %s\n\nThis model has no card of its own. Its header says:\n\n", m.Name())
	fmt.Fprintf(&b, "- kind %s, %d weights, look-ahead %d samples\n", h.Kind, m.Net().NumParams(), m.Lookahead())
	for _, l := range [][2]string{{"data", h.Provenance.Data}, {"made by", h.Provenance.Command}, {"made from", h.Provenance.Parent}, {"licence", h.Licence}} {
		if l[1] != "" {
			fmt.Fprintf(&b, "- %s: %s\n", l[0], l[1])
		}
	}
	return b.String()
}
