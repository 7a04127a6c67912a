/* Reports for machines: JSON Schema's output formats, JUnit, SARIF 2.1.0, GitHub's workflow
 * commands. See report_forms.h. */
#include "report_forms.h"

#include <inttypes.h>
#include <string.h>

static void put_string(weir_buf *b, const char *before, weir_view text)
{
    weir_buf_puts(b, before);
    weir_json_put_string(b, text);
}

/* ---- JSON ----------------------------------------------------------------------------------- */

/* {"required":"…"}: a keyword that fails twice at one value has its texts behind each other. */
static void put_errors(weir_buf *b, const weir_schema_unit *u)
{
    const char *comma = "";
    weir_buf_puts(b, ",\"errors\":{");
    for (const weir_schema_failure *f = u->failures; f; f = f->next) {
        bool seen = false;
        for (const weir_schema_failure *p = u->failures; p != f; p = p->next) {
            seen |= strcmp(p->keyword, f->keyword) == 0;
        }
        if (seen) {
            continue;
        }
        put_string(b, comma, weir_view_of(f->keyword));
        put_string(b, ":", f->text);
        for (const weir_schema_failure *n = f->next; n; n = n->next) {
            if (strcmp(n->keyword, f->keyword) == 0) {
                b->len -= b->len > 0; /* the closing quote */
                weir_buf_puts(b, "; ");
                weir_json_put_escaped(b, n->text);
                weir_buf_putc(b, '"');
            }
        }
        comma = ",";
    }
    weir_buf_putc(b, '}');
}

static void put_unit(weir_buf *b, const weir_subject *s, const weir_schema_unit *u)
{
    weir_place p = weir_subject_place(s, u->line, u->column);
    put_string(b, "{\"valid\":false,\"evaluationPath\":", u->evaluation);
    put_string(b, ",\"schemaLocation\":", u->schema);
    put_string(b, ",\"instanceLocation\":", u->instance);
    if (p.line && !s->record) {
        weir_buf_printf(b, ",\"line\":%u,\"column\":%u", p.line, p.column);
    }
    if (u->failures) {
        put_errors(b, u);
    }
}

static const char *put_list(
    weir_buf *b, const weir_subject *s, const weir_schema_unit *u, const char *comma)
{
    if (u->failures) {
        weir_buf_puts(b, comma);
        put_unit(b, s, u);
        weir_buf_putc(b, '}');
        comma = ",";
    }
    for (const weir_schema_unit *c = u->children; c; c = c->next) {
        comma = put_list(b, s, c, comma);
    }
    return comma;
}

static void put_tree(weir_buf *b, const weir_subject *s, const weir_schema_unit *u)
{
    put_unit(b, s, u);
    if (u->children) {
        weir_buf_puts(b, ",\"details\":[");
        for (const weir_schema_unit *c = u->children; c; c = c->next) {
            weir_buf_puts(b, c == u->children ? "" : ",");
            put_tree(b, s, c);
        }
        weir_buf_putc(b, ']');
    }
    weir_buf_putc(b, '}');
}

void weir_report_json(weir_report *r, const weir_subject *s, const weir_schema_explanation *why,
    const weir_error *err)
{
    weir_buf *b = &r->out;
    put_string(b, "{\"instance\":", weir_view_of(s->record ? s->record : s->file));
    if (s->is_line) {
        weir_buf_printf(b, ",\"line\":%u", s->line);
    }
    weir_buf_printf(b, ",\"valid\":%s", why || err ? "false" : "true");
    if (err) {
        put_string(b, ",\"error\":{\"code\":", weir_view_of(err->code));
        put_string(b, ",\"where\":", weir_view_of(err->where));
        put_string(b, ",\"text\":", weir_view_of(err->text));
        weir_buf_putc(b, '}');
    } else if (why && r->form == WEIR_REPORT_LIST) {
        weir_buf_puts(b, ",\"details\":[");
        put_list(b, s, why->root, "");
        weir_buf_putc(b, ']');
    } else if (why && r->form == WEIR_REPORT_HIERARCHICAL) {
        weir_buf_puts(b, ",\"details\":[");
        put_tree(b, s, why->root);
        weir_buf_putc(b, ']');
    }
    weir_buf_puts(b, "}\n");
}

/* ---- JUnit ---------------------------------------------------------------------------------- */

static void put_xml(weir_buf *b, weir_view v)
{
    for (size_t i = 0; i < v.len; i++) {
        unsigned char c = (unsigned char)v.ptr[i];
        const char *entity = c == '&'   ? "&amp;"
                             : c == '<' ? "&lt;"
                             : c == '>' ? "&gt;"
                             : c == '"' ? "&quot;"
                                        : NULL;
        if (entity) {
            weir_buf_puts(b, entity);
        } else {
            weir_buf_putc(b, c < ' ' && c != '\n' && c != '\t' ? '?' : v.ptr[i]);
        }
    }
}

static void put_case_failure(
    weir_report *r, const weir_subject *s, const weir_schema_unit *u, const weir_schema_failure *f)
{
    weir_buf text = {0};
    weir_place p = weir_subject_place(s, u->line, u->column);
    weir_buf_puts(&r->out, "    <failure type=\"");
    put_xml(&r->out, weir_view_of(f->keyword));
    weir_buf_puts(&r->out, "\" message=\"");
    weir_report_put_message(&text, u, f);
    put_xml(&r->out, weir_buf_view(&text));
    weir_buf_puts(&r->out, "\">");
    weir_buf_clear(&text);
    weir_buf_printf(&text, "%s:%u:%u", s->file, p.line, p.column);
    put_xml(&r->out, weir_buf_view(&text));
    weir_buf_puts(&r->out, "</failure>\n");
    weir_buf_fini(&text);
}

void weir_report_junit(weir_report *r, const weir_subject *s, const weir_schema_explanation *why,
    const weir_error *err)
{
    weir_buf *b = &r->out;
    weir_buf_puts(b, "  <testcase classname=\"");
    put_xml(b, weir_view_of(s->file));
    weir_buf_puts(b, "\" name=\"");
    put_xml(b, weir_view_of(s->record ? s->record : s->file));
    if (s->is_line) {
        weir_buf_printf(b, ":%u", s->line);
    }
    weir_buf_puts(b, why || err ? "\">\n" : "\"/>\n");
    if (why) {
        weir_report_each(r, s, why->root, 0, put_case_failure);
    }
    if (err) {
        weir_buf_printf(b, "    <error type=\"%s\" message=\"", err->code);
        put_xml(b, weir_view_of(err->text));
        weir_buf_puts(b, "\"/>\n");
    }
    weir_buf_puts(b, why || err ? "  </testcase>\n" : "");
}

void weir_report_junit_end(weir_report *r)
{
    printf(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuite name=\"weir %s\" tests=\"%" PRIu64
        "\" failures=\"%" PRIu64 "\" errors=\"%" PRIu64 "\">\n",
        r->cli->command->name, r->valid + r->invalid + r->broken, r->invalid, r->broken);
    weir_buf_puts(&r->out, "</testsuite>\n");
}

/* ---- SARIF ---------------------------------------------------------------------------------- */

void weir_report_sarif_begin(weir_report *r)
{
    weir_buf_puts(&r->out,
        "{\"$schema\":\"https://json.schemastore.org/sarif-2.1.0.json\",\"version\":\"2.1.0\","
        "\"runs\":[{\"tool\":{\"driver\":{\"name\":\"weir\",\"version\":\"" WEIR_VERSION
        "\"}},\"columnKind\":\"unicodeCodePoints\",\"results\":[");
}

static void put_result(weir_report *r, const weir_subject *s, weir_place p, const char *rule,
    weir_view instance, weir_view text)
{
    weir_buf *b = &r->out;
    put_string(b, r->any ? ",\n{\"ruleId\":" : "\n{\"ruleId\":", weir_view_of(rule));
    put_string(b, ",\"level\":\"error\",\"message\":{\"text\":", text);
    put_string(b, "},\"locations\":[{\"physicalLocation\":{\"artifactLocation\":{\"uri\":",
        weir_view_of(s->file));
    weir_buf_putc(b, '}');
    if (p.line) {
        weir_buf_printf(b, ",\"region\":{\"startLine\":%u,\"startColumn\":%u}", p.line, p.column);
    }
    put_string(b, "},\"logicalLocations\":[{\"fullyQualifiedName\":", instance);
    weir_buf_puts(b, "}]}]}");
    r->any = true;
}

void weir_report_sarif(
    weir_report *r, const weir_subject *s, const weir_schema_unit *u, const weir_schema_failure *f)
{
    weir_buf text = {0};
    weir_report_put_message(&text, u, f);
    put_result(r, s, weir_subject_place(s, u->line, u->column), f->keyword, u->instance,
        weir_buf_view(&text));
    weir_buf_fini(&text);
}

void weir_report_sarif_error(
    weir_report *r, const weir_subject *s, weir_place p, const weir_error *err)
{
    put_result(r, s, p, err->code, weir_view_of(""), weir_view_of(err->text));
}

void weir_report_sarif_end(weir_report *r)
{
    weir_buf_puts(&r->out, "]}]}\n");
}

/* ---- GitHub --------------------------------------------------------------------------------- */

static void put_escaped(weir_buf *b, weir_view v, bool property)
{
    for (size_t i = 0; i < v.len; i++) {
        char c = v.ptr[i];
        if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
            weir_buf_printf(b, "%%%02X", (unsigned char)c);
        } else {
            weir_buf_putc(b, c);
        }
    }
}

void weir_report_annotate(
    weir_report *r, const weir_subject *s, weir_place p, const char *title, weir_view text)
{
    weir_buf *b = &r->out;
    weir_buf_puts(b, "::error file=");
    put_escaped(b, weir_view_of(s->file), true);
    if (p.line) {
        weir_buf_printf(b, ",line=%u,col=%u", p.line, p.column);
    }
    weir_buf_puts(b, ",title=");
    put_escaped(b, weir_view_of(title), true);
    weir_buf_puts(b, "::");
    put_escaped(b, text, false);
    weir_buf_putc(b, '\n');
}
