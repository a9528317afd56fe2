//! The specifiers of imports in TypeScript: `"./a.js"` in `import { a } from "./a.js"`.

/// Returns the relative specifiers that a file imports or re-exports from. Comments and other
/// strings do not count.
pub fn relative(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(letter) = text[at..].chars().next() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            at += rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            at += rest.find("*/").map_or(rest.len(), |end| end + 2);
        } else if ['"', '\'', '`'].contains(&letter) {
            let length = literal(&rest[1..], letter);
            let content = &rest[1..=length];
            if content.starts_with('.') && imports(&text[..at]) {
                found.push(content);
            }
            at += (length + 2).min(rest.len());
        } else {
            at += letter.len_utf8();
        }
    }
    found
}

/// Returns whether a string after this code is the specifier of an import.
fn imports(before: &str) -> bool {
    let before = before.trim_end();
    let call = before.strip_suffix('(').map(str::trim_end);
    let keywords: &[&str] = if call.is_some() { &["import", "require"] } else { &["import", "from"] };
    let before = call.unwrap_or(before);
    keywords
        .iter()
        .filter_map(|keyword| before.strip_suffix(keyword))
        .any(|rest| !rest.ends_with(|c: char| c.is_alphanumeric() || ['_', '$', '.'].contains(&c)))
}

/// Returns the length of a literal up to its closing quote. Only a template goes on after a line.
fn literal(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, letter) in rest.char_indices() {
        if !escaped && (letter == quote || (letter == '\n' && quote != '`')) {
            return at;
        }
        escaped = letter == '\\' && !escaped;
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_import_is_read() {
        let text = "import a from \"./a\";\nimport './b';\nexport * from './c';\nimport {\n  d,\n} from\n  \"./d\";\n\
            type E = import(\"./e\").E;\nawait import(\n  `./f`,\n);\nimport g = require('./g');";
        assert_eq!(relative(text), ["./a", "./b", "./c", "./d", "./e", "./f", "./g"]);
    }

    #[test]
    fn comments_and_other_strings_do_not_count() {
        let text = "// import './a';\n/* from './b' */ f('./c'); const d = \"import './d'\"; const e = `\nimport './e';\n`;\n\
            const quote = /\"/;\nconst url = 'https://x'; Array.from('./f'); import g from \"./g\";";
        assert_eq!(relative(text), ["./g"]);
    }

    #[test]
    fn unfinished_text_ends() {
        assert_eq!(relative("import './a"), ["./a"]);
        assert_eq!(relative("import '"), [""; 0]);
        assert_eq!(relative("é /* é"), [""; 0]);
    }
}
