import Testing
import Web

@Suite("Templates put nothing into a page unescaped")
struct TemplateTests {
    @Test(
        "What could put in raw text is refused, whatever it is called",
        arguments: [
            ("{{name}} {{#a.b}}{{.}}{{/a.b}}{{^c}}{{/c}}{{>part}}{{<layout}}{{$main}}{{/main}}{{/layout}}", true),
            ("no tag at all", true), ("{{{name}}}", false), ("{{&name}}", false), ("{{ &name}}", false),
            ("{{% CONTENT_TYPE:TEXT}}{{name}}", false), ("{{=<% %>=}}<%&name%>", false), ("{{!a note}}", false),
            ("{{name}}{{", false),
        ])
    func raw(_ text: String, _ isSafe: Bool) { #expect(Templates.escapesAll(text) == isSafe) }
}
