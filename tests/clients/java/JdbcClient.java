/*
 * JdbcClient.java - pgvector-java with PostgreSQL's JDBC driver.
 *
 * Goal: types there and back, every operator as computed here, indexes with and
 * without a condition, prepared statements past the threshold at which the
 * driver turns to server-side ones and binary transfer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
import com.pgvector.PGbit;
import com.pgvector.PGhalfvec;
import com.pgvector.PGsparsevec;
import com.pgvector.PGvector;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Random;
import java.util.function.ToDoubleFunction;

public class JdbcClient {
  static final int DIMENSIONS = 24;
  static final int ROW_COUNT = 800;
  static final long SEED = 20;
  static int count;

  record Row(long id, int category, float[] dense, float[] sparse, boolean[] bits) {}

  record Answer(long id, double distance) {}

  static void ok(boolean good, String name) {
    count++;
    System.out.println((good ? "ok" : "not ok") + " - java: " + name);
  }

  static List<Row> makeRows() {
    Random random = new Random(SEED);
    List<Row> rows = new ArrayList<>();
    for (int i = 0; i < ROW_COUNT; i++) {
      Row row = new Row(i + 1, i % 8, new float[DIMENSIONS], new float[DIMENSIONS], new boolean[DIMENSIONS]);
      for (int j = 0; j < DIMENSIONS; j++) {
        row.dense[j] = (random.nextInt(129) - 64) / 64f;
        row.sparse[j] = j == i % DIMENSIONS || random.nextInt(5) == 0 ? 0.25f + i % 4 : 0;
        row.bits[j] = j == 0 || random.nextBoolean();
      }
      rows.add(row);
    }
    return rows;
  }

  static double product(float[] a, float[] b) {
    double total = 0;
    for (int i = 0; i < a.length; i++) total += (double) a[i] * b[i];
    return total;
  }

  static double distance(String operator, float[] a, float[] b) {
    double squares = 0, differences = 0, greater = 0;
    for (int i = 0; i < a.length; i++) {
      squares += ((double) a[i] - b[i]) * ((double) a[i] - b[i]);
      differences += Math.abs((double) a[i] - b[i]);
      greater += Math.max(a[i], b[i]);
    }
    return switch (operator) {
      case "<->" -> Math.sqrt(squares);
      case "<#>" -> -product(a, b);
      case "<=>" -> 1 - product(a, b) / Math.sqrt(product(a, a) * product(b, b));
      case "<+>", "<~>" -> differences;
      default -> 1 - product(a, b) / greater;	// <%>
    };
  }

  static float[] numbers(boolean[] bits) {
    float[] list = new float[bits.length];
    for (int i = 0; i < bits.length; i++) list[i] = bits[i] ? 1 : 0;
    return list;
  }

  static List<Answer> ranked(List<Row> rows, ToDoubleFunction<Row> of) {
    return rows.stream().map(row -> new Answer(row.id, of.applyAsDouble(row)))
        .sorted(Comparator.comparingDouble(Answer::distance)).toList();
  }

  static List<Answer> ask(Connection connection, String sql, Object... parameters) throws SQLException {
    List<Answer> answers = new ArrayList<>();
    try (PreparedStatement statement = connection.prepareStatement(sql)) {
      for (int turn = 0; turn < 7; turn++) {	// the driver prepares on the server from the fifth on
        answers.clear();
        for (int i = 0; i < parameters.length; i++) statement.setObject(i + 1, parameters[i]);
        ResultSet found = statement.executeQuery();
        while (found.next()) answers.add(new Answer(found.getLong(1), found.getDouble(2)));
      }
    }
    return answers;
  }

  static void sameDistances(List<Answer> got, List<Answer> expected, String name) {
    double[] truth = new double[ROW_COUNT + 1];
    for (Answer answer : expected) truth[(int) answer.id] = answer.distance;
    boolean good = got.size() == expected.size();
    for (int i = 0; i < got.size(); i++) {
      good &= Math.abs(got.get(i).distance - truth[(int) got.get(i).id]) < 1e-5;
      good &= i == 0 || got.get(i - 1).distance <= got.get(i).distance + 1e-6;
    }
    ok(good, name);
  }

  static void nearest(List<Answer> got, List<Answer> expected, String name) {
    HashSet<Long> near = new HashSet<>();
    for (Answer answer : expected) if (answer.distance <= expected.get(9).distance + 1e-6) near.add(answer.id);
    HashSet<Long> found = new HashSet<>();
    for (Answer answer : got) found.add(answer.id);
    int distinct = found.size();
    found.retainAll(near);
    ok(got.size() == 10 && distinct == 10 && found.size() >= 9, name + " (" + found.size() + " of 10)");
  }

  static void load(Connection connection, List<Row> rows) throws SQLException {
    String sql = "INSERT INTO items VALUES (?, ?, ?, ?, ?, ?)";
    try (PreparedStatement insert = connection.prepareStatement(sql)) {
      for (Row row : rows) {
        insert.setLong(1, row.id);
        insert.setInt(2, row.category);
        insert.setObject(3, new PGvector(row.dense));
        insert.setObject(4, new PGhalfvec(row.dense));
        insert.setObject(5, new PGsparsevec(row.sparse));
        insert.setObject(6, new PGbit(row.bits));
        insert.addBatch();
      }
      ok(Arrays.stream(insert.executeBatch()).sum() == ROW_COUNT, "a batch of inserts");
    }
  }

  static void roundTrip(Connection connection, Row row) throws SQLException {
    try (PreparedStatement select = connection.prepareStatement(
        "SELECT dense, half, sparse, bits, ?::vector, NULL::vector FROM items WHERE id = ?")) {
      boolean vector = true, half = true, sparse = true, bits = true, nothing = true;
      for (int turn = 0; turn < 7; turn++) {
        select.setObject(1, new PGvector(row.dense));
        select.setLong(2, row.id);
        ResultSet found = select.executeQuery();
        found.next();
        vector &= Arrays.equals(((PGvector) found.getObject(1)).toArray(), row.dense)
            && Arrays.equals(((PGvector) found.getObject(5)).toArray(), row.dense);
        half &= Arrays.equals(((PGhalfvec) found.getObject(2)).toArray(), row.dense);
        sparse &= Arrays.equals(((PGsparsevec) found.getObject(3)).toArray(), row.sparse);
        bits &= Arrays.equals(new PGbit(found.getString(4)).toArray(), row.bits);
        nothing &= found.getObject(6) == null;
      }
      ok(vector, "vector there and back");
      ok(half, "halfvec there and back");
      ok(sparse, "sparsevec there and back");
      ok(bits, "bit there and back");
      ok(nothing, "NULL there and back");
    }
  }

  static void indexes(Connection connection, List<Row> rows, Row query) throws SQLException {
    String[][] pairs = {{"<->", "l2"}, {"<#>", "ip"}, {"<=>", "cosine"}};
    Statement statement = connection.createStatement();
    statement.execute("SET enable_seqscan = off");
    statement.execute("SET ivfflat.probes = 100");
    for (String method : new String[] {"hnsw", "ivf", "ivfflat"}) {
      for (String[] pair : pairs) {
        String operator = pair[0];
        statement.execute("CREATE INDEX tested ON items USING " + method + " (dense vector_" + pair[1] + "_ops)");
        String sql = "SELECT id, dense " + operator + " ? FROM items WHERE category <= ? ORDER BY dense " + operator
            + " ? LIMIT 10";
        PGvector vector = new PGvector(query.dense);
        ToDoubleFunction<Row> of = row -> distance(operator, row.dense, query.dense);
        nearest(ask(connection, sql, vector, 7, vector), ranked(rows, of), method + " " + operator);
        List<Row> some = rows.stream().filter(row -> row.category <= 2).toList();
        nearest(ask(connection, sql, vector, 2, vector), ranked(some, of),
            method + " " + operator + " under a condition");
        statement.execute("DROP INDEX tested");
      }
    }
  }

  public static void main(String[] arguments) throws Exception {
    List<Row> rows = makeRows();
    Row query = rows.get(10);
    String url = "jdbc:postgresql://127.0.0.1:" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE")
        + "?user=" + System.getenv("PGUSER");
    try (Connection connection = DriverManager.getConnection(url)) {
      Statement statement = connection.createStatement();
      statement.execute("CREATE EXTENSION vector");
      PGvector.registerTypes(connection);
      statement.execute(("CREATE TABLE items (id bigint PRIMARY KEY, category int, dense vector(N), half halfvec(N), "
          + "sparse sparsevec(N), bits bit(N))").replace("N)", DIMENSIONS + ")"));
      load(connection, rows);
      roundTrip(connection, query);
      for (String operator : new String[] {"<->", "<#>", "<=>", "<+>"}) {
        PGvector vector = new PGvector(query.dense);
        sameDistances(ask(connection, "SELECT id, dense " + operator + " ? AS d FROM items ORDER BY d, id", vector),
            ranked(rows, row -> distance(operator, row.dense, query.dense)), "dense " + operator);
        PGsparsevec sparse = new PGsparsevec(query.sparse);
        sameDistances(ask(connection, "SELECT id, sparse " + operator + " ? AS d FROM items ORDER BY d, id", sparse),
            ranked(rows, row -> distance(operator, row.sparse, query.sparse)), "sparse " + operator);
      }
      for (String operator : new String[] {"<~>", "<%>"}) {
        PGbit bits = new PGbit(query.bits);
        sameDistances(ask(connection, "SELECT id, bits " + operator + " ? AS d FROM items ORDER BY d, id", bits),
            ranked(rows, row -> distance(operator, numbers(row.bits), numbers(query.bits))), "bits " + operator);
      }
      indexes(connection, rows, query);
      String refused = "";
      try {
        statement.execute("INSERT INTO items (id, dense) VALUES (0, '[1,2]')");
      } catch (SQLException error) {
        refused = error.getSQLState();
      }
      ok(refused.equals("22000"), "wrong number of dimensions: SQLSTATE " + refused);
      System.out.println("1.." + count);
      System.out.println("# java: seed " + SEED + "; Java " + System.getProperty("java.version") + ", pgvector 0.1.6, "
          + connection.getMetaData().getDriverName() + " " + connection.getMetaData().getDriverVersion());
    }
  }
}
