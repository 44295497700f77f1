package docpage

import (
	"html"
	"html/template"
	"regexp"
	"strings"
)

var (
	codeText = regexp.MustCompile("`([^`]+)`")
	boldText = regexp.MustCompile(`\*\*([^*]+)\*\*`)
	tableBar = regexp.MustCompile(`^\|[-| :]+\|$`)
)

// prose is the Markdown that our documents are written in: paragraphs, `code`, **bold**, lists and tables. Everything else is text, whatever it
// looks like.
func prose(text string) template.HTML {
	var out strings.Builder
	for block := range strings.SplitSeq(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		switch {
		case block == "":
		case strings.HasPrefix(lines[0], "|"):
			writeTable(&out, lines)
		case strings.HasPrefix(lines[0], "- "):
			out.WriteString("<ul><li>" + inline(strings.ReplaceAll(strings.TrimPrefix(strings.Join(lines, "\n"), "- "), "\n- ", "\x00")) + "</li></ul>")
		default:
			out.WriteString("<p>" + inline(strings.Join(lines, " ")) + "</p>")
		}
	}
	return template.HTML(strings.ReplaceAll(out.String(), "\x00", "</li><li>")) //nolint:gosec // escaped by inline
}

// words is prose without paragraphs.
func words(text *string) template.HTML {
	if text == nil {
		return ""
	}
	return template.HTML(inline(*text)) //nolint:gosec // escaped by inline
}

func inline(text string) string {
	text = html.EscapeString(text)
	text = codeText.ReplaceAllString(text, "<code>$1</code>")
	return boldText.ReplaceAllString(text, "<strong>$1</strong>")
}

func writeTable(out *strings.Builder, lines []string) {
	out.WriteString(`<div class="scroll"><table>`)
	cell, end := "<th>", "</th>"
	for _, line := range lines {
		if tableBar.MatchString(line) {
			cell, end = "<td>", "</td>"
			continue
		}
		out.WriteString("<tr>")
		for column := range strings.SplitSeq(strings.Trim(line, "|"), "|") {
			out.WriteString(cell + inline(strings.TrimSpace(column)) + end)
		}
		out.WriteString("</tr>")
	}
	out.WriteString("</table></div>")
}
