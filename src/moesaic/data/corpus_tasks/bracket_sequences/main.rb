def bracket_sequences(pairs, opened = 0, sequence = "")
  return puts(sequence) if pairs.zero? && opened.zero?

  bracket_sequences(pairs - 1, opened + 1, "#{sequence}(") if pairs.positive?
  bracket_sequences(pairs, opened - 1, "#{sequence})") if opened.positive?
end

bracket_sequences(gets.to_i)
