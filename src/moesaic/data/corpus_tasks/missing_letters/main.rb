def missing_letters(text)
  [*"a".."z"] - text.downcase.chars
end

missing = missing_letters(gets)
puts missing.empty? ? "pangram" : missing.join
