def align_columns(rows)
  widths = rows.transpose.map { |column| column.map(&:length).max }
  rows.map do |row|
    cells = row.zip(widths).map { |cell, width| cell.ljust(width) }
    "| #{cells.join(' | ')} |"
  end
end

rows = $stdin.map { |line| line.chomp.split(",", -1) }
puts align_columns(rows)
