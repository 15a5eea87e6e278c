def first_repeated_page(links)
  visited = []
  page = 1
  until visited.include?(page)
    visited << page
    page = links[page - 1]
  end
  [page, visited.length]
end

links = gets.split.map(&:to_i)
puts first_repeated_page(links).join(" ")
