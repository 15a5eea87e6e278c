def most_common_word(text)
  counts = text.downcase.split.tally
  counts.min_by { |word, count| [-count, word] }
end

puts most_common_word(gets).join(" ")
