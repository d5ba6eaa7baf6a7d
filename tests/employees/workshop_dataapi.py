"""The workshop's employee function on the Data API, as we read the contract (reference, sections 6.2 and 6.4): plain boto3, in
the order BeginTransaction, INSERT, CommitTransaction, SELECT. Own words, written for one purpose: to stand beside our
programs and store the same employees.
"""
import os
import random

import boto3

database = {"resourceArn": os.environ["DB_CLUSTER_ARN"], "secretArn": os.environ["DB_SECRET_ARN"]}
named = {**database, "database": os.environ.get("DB_NAME", "EmployeeDB")}
client = boto3.client("rds-data", region_name=database["resourceArn"].split(":")[3])


def text(name, value):
    return {"name": name, "value": {"stringValue": value}}


def add_employee(employee_id, name):
    transaction = client.begin_transaction(**named)["transactionId"]
    print(f"Inserting employee {employee_id}")
    try:
        client.execute_statement(**named, transactionId=transaction, sql="INSERT INTO Employee (EmpId, EmpName) VALUES (:EmpId, :EmpName)",
                                 parameters=[text("EmpId", employee_id), text("EmpName", name)])
    except Exception as error:
        client.rollback_transaction(**database, transactionId=transaction)
        print(f"Oops, something went wrong adding a new employee. Transaction Rollbacked: {error}")
        raise
    client.commit_transaction(**database, transactionId=transaction)


def list_employees():
    try:
        records = client.execute_statement(**named, sql="SELECT EmpId, EmpName FROM Employee")["records"]
    except Exception as error:
        print(f"Oops, something went wrong adding a new employee: {error}")
        raise
    # The first value of each Field union: true for NULL (L-6.33), which our programs show as null.
    return [[next(iter(field.values())) for field in record] for record in records]


def handler(event, _context):
    if "EmpId" not in event or "EmpName" not in event:
        raise Exception('Invalid input! Missing "EmpId" and/or "EmpName" attributes.')
    add_employee(event["EmpId"], event["EmpName"])
    return list_employees()


if __name__ == "__main__":
    number = str(random.randint(1, 100000))
    employees = handler({"EmpId": number, "EmpName": f"Employee-Name-{number}"}, None)
    print(f"Number of employees: {len(employees)}")
    print(f"List of employees: {employees}")
