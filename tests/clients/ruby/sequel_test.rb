# sequel_test.rb - Ruby's pg and Sequel, as Debian packages them.
#
# The gem "pgvector" only turns arrays into the text of a vector and back; here
# that is done in two lines, so that drivers alone are needed.
#
# Goal: types there and back as text, every operator as computed here, indexes
# with and without a condition, by pg's prepared statements and Sequel's datasets.
#
# SPDX-License-Identifier: Apache-2.0
require 'pg'
require 'sequel'

DIMENSIONS = 24
SEED = 20
$count = 0

Row = Struct.new(:id, :category, :dense, :sparse, :bits)

def ok(good, name)
  $count += 1
  puts "#{good ? 'ok' : 'not ok'} - ruby: #{name}"
end

def make_rows
  random = Random.new(SEED)
  (0...800).map do |i|
    Row.new(i + 1, i % 8, Array.new(DIMENSIONS) { random.rand(-64..64) / 64.0 },
            Array.new(DIMENSIONS) { |j| j == i % DIMENSIONS || random.rand(5).zero? ? 0.25 + i % 4 : 0.0 },
            Array.new(DIMENSIONS) { |j| j.zero? || random.rand(2).zero? ? 1 : 0 })
  end
end

def text(vector) = "[#{vector.join(',')}]"
def sparse_text(vector) = "{#{vector.each_with_index.reject { |x, _| x.zero? }.map { |x, i| "#{i + 1}:#{x}" }.join(',')}}/#{vector.size}"
def floats(text) = text[1..-2].split(',').map(&:to_f)

def product(a, b) = a.zip(b).sum { |x, y| x * y }

def distance(operator, a, b)
  case operator
  when '<->' then Math.sqrt(a.zip(b).sum { |x, y| (x - y)**2 })
  when '<#>' then -product(a, b)
  when '<=>' then 1 - product(a, b) / Math.sqrt(product(a, a) * product(b, b))
  when '<+>', '<~>' then a.zip(b).sum { |x, y| (x - y).abs }.to_f
  when '<%>' then 1 - product(a, b).to_f / a.zip(b).sum { |x, y| [x, y].max }
  end
end

def ranked(rows, column, operator, query)
  rows.map { |row| [row.id, distance(operator, row[column], query)] }.sort_by { |id, d| [d, id] }
end

def same_distances(got, expected, name)
  truth = expected.to_h
  ok(got.size == expected.size && got.all? { |id, d| (d - truth[id]).abs < 1e-5 } &&
     got.each_cons(2).all? { |a, b| a[1] <= b[1] + 1e-6 }, name)
end

def nearest(ids, expected, name)
  near = expected.select { |_, d| d <= expected[9][1] + 1e-6 }.map(&:first)
  hits = (ids & near).size
  ok(ids.uniq.size == 10 && hits >= 9, "#{name} (#{hits} of 10)")
end

rows = make_rows
query = rows[10]
conn = PG.connect
conn.exec('CREATE EXTENSION vector')
conn.exec("CREATE TABLE items (id bigint PRIMARY KEY, category int, dense vector(#{DIMENSIONS}),
  half halfvec(#{DIMENSIONS}), sparse sparsevec(#{DIMENSIONS}), bits bit(#{DIMENSIONS}))")
conn.copy_data('COPY items FROM STDIN') do
  rows.each do |row|
    conn.put_copy_data([row.id, row.category, text(row.dense), text(row.dense), sparse_text(row.sparse), row.bits.join]
      .join("\t") + "\n")
  end
end
back = conn.exec_params('SELECT * FROM items WHERE id = $1', [query.id])[0]
ok(floats(back['dense']) == query.dense, 'vector there and back')
ok(floats(back['half']) == query.dense, 'halfvec there and back')
ok(back['sparse'] == sparse_text(query.sparse).gsub('.0', ''), 'sparsevec there and back')
ok(back['bits'] == query.bits.join, 'bit there and back')
ok(conn.exec_params('SELECT $1::vector AS nothing', [nil])[0]['nothing'].nil?, 'NULL there and back')

[['dense', text(query.dense), %w[<-> <#> <=> <+>]], ['sparse', sparse_text(query.sparse), %w[<-> <#> <=> <+>]],
 ['bits', query.bits.join, %w[<~> <%>]]].each do |column, value, operators|
  operators.each do |operator|
    found = conn.exec_params("SELECT id, #{column} #{operator} $1 AS d FROM items ORDER BY 2, 1", [value])
    same_distances(found.map { |row| [row['id'].to_i, row['d'].to_f] },
                   ranked(rows, column, operator, query[column]), "#{column} #{operator} as computed here")
  end
end

db = Sequel.connect(adapter: 'postgres', host: ENV['PGHOST'], port: ENV['PGPORT'].to_i, user: ENV['PGUSER'],
                    database: ENV['PGDATABASE'], max_connections: 1)
[db, conn].zip(%i[run exec]) { |to, say| to.send(say, 'SET enable_seqscan = off; SET ivfflat.probes = 100') }
%w[hnsw ivf ivfflat].each do |method|
  [%w[<-> l2], %w[<#> ip], %w[<=> cosine]].each do |operator, opclass|
    conn.exec("CREATE INDEX tested ON items USING #{method} (dense vector_#{opclass}_ops)")
    conn.prepare("#{method} #{opclass}", "SELECT id FROM items ORDER BY dense #{operator} $1 LIMIT 10")
    ids = conn.exec_prepared("#{method} #{opclass}", [text(query.dense)]).map { |row| row['id'].to_i }
    nearest(ids, ranked(rows, 'dense', operator, query.dense), "#{method} #{operator}, pg")
    ids = db[:items].where(category: [2, 5]).order(Sequel.lit("dense #{operator} ?", text(query.dense))).limit(10).select_map(:id)
    some = rows.select { |row| [2, 5].include?(row.category) }
    nearest(ids, ranked(some, 'dense', operator, query.dense), "#{method} #{operator} under a condition, Sequel")
    conn.exec('DROP INDEX tested')
  end
end
begin
  conn.exec("INSERT INTO items (id, dense) VALUES (0, '[1,2]')")
  ok(false, 'wrong number of dimensions: no error')
rescue PG::DataException => e
  ok(e.result.error_field(PG::Result::PG_DIAG_SQLSTATE) == '22000', 'wrong number of dimensions: SQLSTATE 22000')
end
puts "1..#{$count}", "# ruby: seed #{SEED}; Ruby #{RUBY_VERSION}, pg #{PG::VERSION}, sequel #{Sequel::VERSION}"
