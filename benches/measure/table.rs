//! A table for people: columns as wide as what stands in them, numbers to the right.
//!
//! It must never print; it gives the text.

/// The table with a head, a rule and the rows. The first column is to the left, as are those whose head begins with
/// `<`; the others to the right. Cells that a row lacks are empty.
pub(crate) fn render(head: &[&str], rows: &[Vec<String>]) -> String {
    let left = |column: usize, title: &str| column == 0 || title.starts_with('<');
    let titles: Vec<&str> = head.iter().map(|title| title.trim_start_matches('<')).collect();
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let widths: Vec<usize> = titles
        .iter()
        .enumerate()
        .map(|(column, title)| {
            let widest = rows.iter().map(|row| cell(row, column).chars().count()).max().unwrap_or(0);
            widest.max(title.chars().count())
        })
        .collect();
    let line = |cells: &[String]| {
        let mut text = String::new();
        for (column, (width, title)) in widths.iter().zip(head).enumerate() {
            let cell = cell(cells, column);
            let padding = " ".repeat(width.saturating_sub(cell.chars().count()));
            let gap = if column == 0 { "" } else { "  " };
            text += gap;
            text += &if left(column, title) { cell + &padding } else { padding + &cell };
        }
        text.trim_end().to_owned() + "\n"
    };
    let mut text = line(&titles.iter().map(|title| (*title).to_owned()).collect::<Vec<_>>());
    text += &"-".repeat(widths.iter().sum::<usize>() + 2 * widths.len().saturating_sub(1));
    text += "\n";
    for row in rows {
        text += &line(row);
    }
    text
}

/// A number with the decimals, or a dash for what was not measured.
pub(crate) fn number(value: Option<f64>, decimals: usize) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.decimals$}"))
}

/// A known table.
pub(crate) fn check() {
    let rows =
        [vec!["hello".to_owned(), number(Some(1.25), 1), "meets".to_owned()], vec!["x".to_owned(), number(None, 1)]];
    let text = render(&["what", "ms", "<bar"], &rows);
    assert_eq!(text, "what    ms  bar\n-----------------\nhello  1.2  meets\nx        –\n");
}
